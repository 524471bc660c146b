"""Planning a released model that is not here: what its outline says, and that nothing but a plan uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from vstar_sdk import SpecError, load_spec
from vstar_sdk.cli.main import cli
from vstar_sdk.errors import ModelError
from vstar_sdk.resolver import Resolver
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.weights.finding import CONFIGURATION, WEIGHTS, find_model
from vstar_sdk.weights.outlines import is_outline, outlined, outlines

ROOT = Path(__file__).parents[2]
PRESETS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "specs").glob("*/*.yaml"))
PAGE = (ROOT / "docs" / "getting-models.md").read_text(encoding="utf-8")

SITES = {
    "videocrafter2/64-frames": 34,
    "modelscope/16-frames": 34,
    "animatediff/16-frames": 42,
    "wan/wan-2.1-1.3b": 30,
    "wan/wan-2.2-a14b": 80,
    "wan/wan-2.2-ti2v-5b": 30,
    "skyreels/skyreels-v2-14b": 40,
    "ltx/ltx-video": 28,
    "ltx/ltx-2": 48,
    "cogvideox/cogvideox-2b": 30,
    "cogvideox/cogvideox-5b": 42,
    "hunyuan15/hunyuan-1.5-480p": 54,
    "mochi/mochi-1": 48,
    "motif/motif-video-2b": 36,
    "kandinsky5/kandinsky-5-lite": 32,
    "cosmos/cosmos-predict-2.5-2b": 28,
    "minimax-h3/minimax-h3": 50,
}
"""Temporal attentions of the released networks: their blocks, and of Wan 2.2's two networks."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no model is


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if "loras" not in preset])
def test_every_preset_is_planned_without_its_weights(preset):
    with outlined() as kept:
        plan = make_plan(load_spec(ROOT / preset))
    assert len(kept.warnings()) == (2 if "animatediff" in preset else 1)
    assert all("is not on this machine" in warning for warning in kept.warnings())
    name = preset.removeprefix("specs/").removesuffix(".yaml")
    if name in SITES:
        assert len(plan.facts.sites) == SITES[name]


def test_a_plan_says_so_and_a_run_needs_the_weights():
    spec = str(ROOT / "specs" / "wan" / "wan-2.1-1.3b.yaml")
    shown = CliRunner().invoke(cli, ["plan", spec, "--set", "frames=5", "--set", "size=[64, 64]"])
    assert shown.exit_code == 0, shown.output
    assert "warning: ./models/Wan2.1-T2V-1.3B-Diffusers is not on this machine" in shown.stderr
    for command in ("validate", "run"):
        refused = CliRunner().invoke(cli, [command, spec])
        assert refused.exit_code == 5
        line = next(n for n, line in enumerate(Path(spec).read_text().splitlines(), 1) if line.startswith("model:"))
        place = f"{spec}:{line}:1: model: ./models/Wan2.1-T2V-1.3B-Diffusers: there is no such folder or file"
        assert place in refused.stderr


def test_an_outline_has_no_weights_and_ends_with_its_plan():
    reference = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
    with outlined() as kept:
        folder = find_model(reference, None, Resolver(), CONFIGURATION)
        assert is_outline(folder)
        with pytest.raises(ModelError, match="needs a revision"):
            find_model(reference, None, Resolver(), WEIGHTS)
        with pytest.raises(ModelError, match="no such folder"):
            find_model("./models/unknown", None, Resolver(), CONFIGURATION)
    assert kept.used == {reference: reference}
    assert not folder.exists()
    with pytest.raises(ModelError, match="needs a revision"):
        find_model(reference, None, Resolver(), CONFIGURATION)


def test_a_model_that_is_here_is_not_replaced(tmp_path):
    (tmp_path / "Wan2.1-T2V-1.3B-Diffusers").mkdir()
    with outlined() as kept:
        assert not is_outline(find_model("./Wan2.1-T2V-1.3B-Diffusers", None, Resolver(), CONFIGURATION))
    assert kept.used == {}


def test_the_page_has_every_model_and_the_command_that_gets_it():
    """Download commands lead to the folders that the presets name, and hub ids are those of the outlines."""
    hubs = {kept["hub"] for kept in outlines()}
    for preset in PRESETS:
        data = yaml.safe_load((ROOT / preset).read_text(encoding="utf-8"))
        for path in (data.get("model", {}).get("path"), data.get("model", {}).get("adapter")):
            if path and "lora" not in path:
                assert path.removeprefix("./") in PAGE, f"{preset}: {path}"
    for hub in hubs - {"Wan-AI/Wan2.1-T2V-14B-Diffusers", "hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-720p_t2v"}:
        assert hub in PAGE, hub


def test_names_are_of_one_model_each():
    names = [name for kept in outlines() for name in kept["names"]]
    assert len(names) == len({*names})


def test_a_wrong_length_is_an_error_in_a_plan_too():
    with outlined(), pytest.raises(SpecError, match="cannot make 64 frames"):
        make_plan(load_spec(ROOT / "specs/wan/wan-2.1-1.3b.yaml", overrides=["frames=64"]))
