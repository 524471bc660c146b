"""One spec, from the states to the frames, on every family whose denoiser attends over all tokens of a clip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from tests.transformer_models import ONE, OTHER, source
from vstar_sdk import SpecError, load_spec
from vstar_sdk.cli.main import cli
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.testing.models import check_model

SPECS = Path(__file__).parents[2] / "specs"
TAR: dict[str, Any] = {"use": "tar", "sigma": 1}


@dataclass(frozen=True)
class Told:
    """A model, and the clip that its tests make.

    Attributes:
        model: the fixture of its folder.
        use: its name in a spec.
        latents: channels, latent frames, rows and columns.
        presets: its specs.
        one_text: whether all frames read one text.
        size: of the pictures.
        frames: of the clip.
        near: how far apart equal outputs may be.
        blocks: the number of the last one.
        precision: by how much half precision differs at most, of the latents' mean.
    """

    model: str
    use: str
    latents: tuple[int, ...]
    presets: str
    one_text: bool = False
    size: tuple[int, int] = (32, 32)
    frames: int = 9
    near: float = 1e-5
    precision: float = 0.05
    blocks: int = 1

    def story(self, directory: Path, /, **changes: Any) -> dict[str, Any]:
        """Its spec."""
        options = {"use": self.use, "path": str(directory), **changes.pop("model", {})}
        told = {"use": "states", "states": [ONE] if self.one_text else [ONE, OTHER]}
        own = {"size": list(self.size), "frames": self.frames, "synopsis": told, "regularizers": [TAR], "sampling": {"steps": 2}}
        return {**own, "model": options, **changes}


MODELS: Mapping[str, Told] = {
    "wan 2.1": Told("wan_21", "wan", (4, 3, 4, 4), "wan/*.yaml"),
    "wan 2.2": Told("wan_22", "wan", (4, 3, 4, 4), "wan/*.yaml"),
    "skyreels": Told("skyreels_dir", "skyreels", (4, 3, 4, 4), "skyreels/*.yaml"),
    "ltx": Told("tiny_ltx", "ltx", (4, 3, 2, 1), "ltx/ltx-video*.yaml", size=(32, 64), frames=17),
    "ltx 2": Told("tiny_ltx23", "ltx2", (4, 3, 2, 2), "ltx/ltx-2*.yaml", size=(64, 64), frames=17),
    "cogvideox 2b": Told("cogvideox_2b", "cogvideox", (4, 3, 4, 4), "cogvideox/*.yaml", one_text=True),
    "cogvideox 5b": Told("cogvideox_5b", "cogvideox", (4, 3, 4, 4), "cogvideox/*.yaml", one_text=True),
    "hunyuan15": Told("hunyuan15_dir", "hunyuan15", (4, 3, 2, 2), "hunyuan15/*.yaml", one_text=True),
    "kandinsky5": Told("kandinsky5_dir", "kandinsky5", (4, 3, 4, 4), "kandinsky5/*.yaml", near=1e-4),
    "motif": Told("motif_dir", "motif", (4, 3, 4, 4), "motif/*.yaml", one_text=True, blocks=2),
    "minimax-h3": Told(
        "minimax_h3_dir", "minimax-h3", (4, 7, 4, 4), "minimax-h3/*.yaml", one_text=True, size=(64, 64), frames=22
    ),
    "mochi": Told("mochi_dir", "mochi", (12, 3, 4, 4), "mochi/*.yaml", one_text=True, frames=13, precision=0.08),
}
ONE_EACH = ["wan 2.1", "ltx", "cogvideox 5b", "kandinsky5", "mochi"]
"""What differs little from version to version is tested on one of each; HunyuanVideo's two thousand tokens take their time."""
SLOW = ("motif", "minimax-h3")
"""Tested on every story, all slow: what is quick of them is in their folders."""
BROAD = [name if name in ONE_EACH else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]
one_each = pytest.mark.parametrize("told", BROAD, indirect=True)


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in MODELS])
def told(request: pytest.FixtureRequest) -> Told:
    """What is known of a model."""
    return MODELS[request.param]


@pytest.fixture
def directory(told: Told, request: pytest.FixtureRequest) -> Path:
    """The model's folder."""
    return request.getfixturevalue(told.model)


def test_states_and_tar(told, directory, session):
    result = session.run(told.story(directory))
    assert result.latents.shape == (1, *told.latents)
    assert sum(frame.shape == (*reversed(told.size), 3) for frame in result.frames()) == told.frames
    plain = session.run(told.story(directory, regularizers=[]))
    assert (result.latents - plain.latents).abs().max() > 1e-5
    chosen = result.spec.regularizers[0]
    assert (chosen.stat, chosen.strength) == ("spread", 0.5)


def test_strength_0_and_equal_states_are_the_plain_model(told, directory, session):
    def run(states: list[str], *regularizers: Any) -> torch.Tensor:
        synopsis = {"use": "states", "states": states}
        return session.run(told.story(directory, synopsis=synopsis, regularizers=list(regularizers))).latents

    plain = run([ONE])
    assert torch.equal(run([ONE, ONE, ONE]), plain)
    assert torch.equal(run([ONE], {**TAR, "strength": 0}), plain)
    if not told.one_text:
        assert not torch.equal(run([ONE, OTHER]), plain)


@pytest.mark.parametrize("told", ONE_EACH, indirect=True)
@pytest.mark.parametrize(
    "regularizer",
    [
        {"use": "window", "radius": 1},
        {"use": "alibi", "slope": 0.5},
        {"use": "temperature", "scale": 2.0},
        {"use": "identity", "blocks": [1, 1]},
        {"use": "uniform", "weight": 0.5},
    ],
    ids=lambda options: options["use"],
)
def test_every_built_in_regularizer_runs_unchanged(told, directory, session, regularizer):
    plain = session.run(told.story(directory, regularizers=[]))
    nursed = session.run(told.story(directory, regularizers=[{**regularizer, "window": [0, 1]}]))
    assert nursed.latents.isfinite().all()
    assert (nursed.latents - plain.latents).abs().max() > 1e-4


@one_each
@pytest.mark.parametrize("offload", [pytest.param("model", marks=pytest.mark.slow), "group"])
def test_offloading_changes_no_bit_and_leaves_the_model_as_it_was(told, directory, session, offload):
    plain, moved = (session.run(told.story(directory, model={"offload": how})) for how in ("none", offload))
    assert torch.equal(moved.latents, plain.latents)
    assert sum(1 for _ in moved.frames()) == told.frames
    adapter: Any = moved.adapter
    assert adapter.placement.resident == frozenset()
    processors = [type(module.processor) for module in adapter.denoiser.modules() if hasattr(module, "processor")]
    assert processors
    assert all(kind.__module__.startswith("diffusers.") for kind in processors)


@one_each
def test_half_precision_is_near_single_precision(told, directory, session):
    weak = [{**TAR, "strength": 1e-4}]
    single, half = (
        session.run(told.story(directory, regularizers=weak, model={"dtype": dtype})) for dtype in ("float32", "bfloat16")
    )
    difference = (half.latents - single.latents).abs().mean() / single.latents.abs().mean()
    assert 0 < difference < told.precision
    assert sum(1 for _ in half.frames()) == told.frames


@one_each
def test_the_resolved_spec_gives_the_same(told, directory, session):
    first = session.run(told.story(directory))
    assert torch.equal(session.run(first.spec).latents, first.latents)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": 64}, "cannot make 64 frames"),
        ({"size": [32, 40]}, "width and height must be multiples of"),
        ({"model": {"compile": True}}, "cannot be compiled"),
        ({"sampling": {"eta": 0.5}}, "has no eta"),
        ({"regularizers": [{**TAR, "blocks": [0, 30]}]}, "no block 30; it has blocks 0 to {last}"),
    ],
    ids=["frames", "size", "compile", "eta", "blocks"],
)
def test_what_the_model_cannot_do_is_an_error_before_it_is_loaded(told, directory, session, changes, message):
    with pytest.raises(SpecError, match=message.format(last=told.blocks)):
        session.run(told.story(directory, **changes))


@pytest.mark.parametrize("told", [name for name, told in MODELS.items() if told.one_text and name not in SLOW], indirect=True)
def test_several_states_are_refused_in_the_plan(told, directory):
    with pytest.raises(SpecError, match=r"does not support 2 different states: .* (one|the same) text") as refused:
        make_plan(load_spec(told.story(directory, synopsis={"use": "states", "states": [ONE, OTHER]})))
    assert refused.value.path[0] == "synopsis"
    assert "Prompt Relay" in str(refused.value.hint)


@one_each
def test_the_plan_shows_the_joint_sites_and_an_estimate(told, directory, tmp_path):
    spec = tmp_path / "story.yaml"
    spec.write_text(json.dumps(told.story(directory)))
    shown = CliRunner().invoke(cli, ["plan", str(spec)])
    assert shown.exit_code == 0, shown.output
    assert "frame-pair bias with row statistics (tar)" in shown.output
    assert "peak memory" in shown.output


def test_the_presets_fit_the_model(told, directory):
    presets = sorted(SPECS.glob(told.presets))
    assert presets
    for preset in presets:
        planned = make_plan(load_spec(preset, overrides=[f"model.path={directory}"]))
        assert {site.site.index for site in planned.attention.sites} == set(range(told.blocks + 1))
        assert planned.story is not None
        assert len(planned.story.synopsis.states) == (1 if told.one_text else 4)


@pytest.mark.parametrize(
    "told", ["wan 2.1", "ltx", pytest.param("hunyuan15", marks=pytest.mark.slow), "kandinsky5", "mochi"], indirect=True
)
def test_a_scheduler_that_cannot_match_flows_is_refused_by_name(told, directory, session):
    with pytest.raises(SpecError, match="scheduler 'ddim' is not for models trained by flow matching") as refused:
        session.run(told.story(directory, sampling={"steps": 2, "scheduler": "ddim"}))
    assert "flow-euler" in str(refused.value.hint)


@one_each
def test_the_kits_own_check(told, directory):
    width, height = told.size
    check_model(source(told.model, directory), frames=told.frames, width=width, height=height, tolerance=told.near)
