"""Levels whose attention is taken away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from vstar_sdk import load_spec
from vstar_sdk.analysis.levels import variants
from vstar_sdk.cli.main import cli
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.sweeps.index import CELLS

SPEC = """
prompt: a volcano wakes up
frames: 4
size: [32, 32]
sampling: {steps: 2}
regularizers: [tar]
"""


def vstar(*arguments: str | Path):
    return CliRunner().invoke(cli, list(map(str, arguments)))


def test_every_level_is_taken_away_in_two_ways():
    chosen = variants(make_plan(load_spec({"prompt": "a volcano wakes up"})).facts, 4)
    assert chosen == {
        "the model alone": [],
        "identity, level 0": [{"use": "identity", "levels": [0]}],
        "even attention, level 0": [{"use": "uniform", "levels": [0]}],
        "identity, level 1": [{"use": "identity", "levels": [1]}],
        "even attention, level 1": [{"use": "uniform", "levels": [1]}],
    }


@pytest.mark.parametrize(("parts", "stretches"), [(1, [[0, 1]]), (2, [[0, 0], [1, 1]]), (9, [[0, 0], [1, 1]])])
def test_a_stack_is_cut_into_stretches_of_blocks(wan_21, parts, stretches):
    spec = {"prompt": "a field", "frames": 17, "model": {"use": "wan", "path": str(wan_21)}}
    chosen = variants(make_plan(load_spec(spec)).facts, parts)
    assert [one[0]["blocks"] for name, one in chosen.items() if name.startswith("identity")] == stretches


def test_a_spec_that_is_a_sweep_is_refused(tmp_path):
    (tmp_path / "story.yaml").write_text(SPEC + "sweep: {seed: [1, 2]}\n")
    done = vstar("analyze", "levels", tmp_path / "story.yaml", "-o", tmp_path / "levels")
    assert done.exit_code == 2
    assert not (tmp_path / "levels").exists()


@pytest.mark.slow
def test_the_sheet_and_the_numbers_of_all_clips(tmp_path):
    (tmp_path / "story.yaml").write_text(SPEC)
    out = tmp_path / "levels"
    for _ in range(2):  # the second time everything is there
        made = vstar("analyze", "levels", tmp_path / "story.yaml", "-q", "-o", out)
        assert made.exit_code == 0, made.stderr
    numbers = json.loads((out / "levels.json").read_text())
    assert list(numbers)[:2] == ["the model alone", "identity, level 0"]
    assert all(set(one) == {"evolution", "flicker", "frozen", "layout"} for one in numbers.values())
    assert len({one["evolution"] for one in numbers.values()}) == 5
    cells = sorted((out / CELLS).iterdir())
    specs = [yaml.safe_load((cell / "spec.yaml").read_text())["regularizers"] for cell in cells]
    assert [[one["use"] for one in spec] for spec in specs] == [[], ["identity"], ["uniform"], ["identity"], ["uniform"]]
    page = (out / "index.html").read_text()
    assert all(f"<h2>{name}</h2>" in page for name in numbers)
    with Image.open(out / "levels.png") as sheet:
        assert sheet.height > 5 * 160
