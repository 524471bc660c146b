"""docs/sweeps.md says what is."""

from __future__ import annotations

import re
from pathlib import Path

from vstar_sdk.spec.document import parse
from vstar_sdk.sweeps.cells import ATTEMPTS
from vstar_sdk.sweeps.local import LocalOptions
from vstar_sdk.sweeps.planning import MOST_PLANNED, plan_sweep

PAGE = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text(encoding="utf-8")


def block(language):
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return found


def test_the_spec_of_the_page_is_a_sweep_and_its_python_runs(tmp_path, monkeypatch):
    sweep = plan_sweep(parse(block("yaml")), tmp_path / "sweeps" / "story").sweep
    assert len(sweep.cells) == 20
    small = block("yaml").replace("frames: 32", "frames: 4").replace("[12, 25]", "[1, 2]")
    plan_sweep(parse(small), tmp_path / "sweeps" / "story").sweep.claim()
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(block("python"), "docs/sweeps.md", "exec"), names)  # noqa: S102
    assert names["status"].counts["done"] == 2


def test_its_numbers_and_options_are_those_of_the_code():
    assert LocalOptions().attempts == ATTEMPTS == 3
    assert "After three crashes" in PAGE
    assert f"Up to {MOST_PLANNED} cells" in PAGE
    assert [name for name in LocalOptions.model_fields if f"`{name}`" not in PAGE] == []
