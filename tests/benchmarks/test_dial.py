"""The speeds that the dial reads are those of the stages."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import dial, speeds


@pytest.mark.parametrize("ratio", dial.RATIOS)
def test_the_ratio_of_a_story_of_known_speeds_is_found(ratio):
    turn = (dial.FRAMES - 1) / (1 + ratio)
    time = np.arange(dial.FRAMES)
    stages = np.interp(time, [0, turn, dial.FRAMES - 1], [0, 0.5, 1])
    first, second = dial.speeds_shown(stages, "city")
    assert first / second == pytest.approx(ratio, rel=0.02)
    assert dial.ratio_shown({"first": first, "second": second}) == pytest.approx(np.log2(ratio), abs=0.03)


def test_a_story_that_never_gets_to_the_middle_has_no_speed_there():
    first, _ = dial.speeds_shown(np.linspace(0, 0.3, dial.FRAMES), "city")
    assert 0 < first < 0.02
    assert dial.ratio_shown({"first": first, "second": -1.0}) == pytest.approx(np.log2(first / 1e-3))


def test_the_report_says_how_well_what_is_shown_follows_what_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(dial, "RECORDS", tmp_path / "dial.jsonl")
    about = {"model": "miniworld", "family": "city"}
    lines = [about | {"ratio": r, "seed": s, "first": 0.01 * r, "second": 0.01} for r in dial.RATIOS for s in range(3)]
    dial.RECORDS.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "| 2 | 2.00 | +1.00 [+1.00, +1.00] | 3 |" in dial.report()
    assert "by story and seed: +1.00 [+1.00, +1.00]" in dial.report()


def test_the_speeds_that_positions_show_are_ordered_in_each_story_and_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(speeds, "RECORDS", tmp_path / "speeds.jsonl")
    lines = [
        {"model": "m", "story": story, "factor": factor, "seed": seed, "moved": factor / 2 if story == "city" else 1 - factor / 4}
        for story in ("city", "beach")
        for seed in range(3)
        for factor in speeds.FACTORS
        if (story, seed, factor) != ("beach", 2, 0.5)  # a stop has cut it
    ]
    speeds.RECORDS.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "| way of the stage | 0.500 | 0.542 | 0.600 | 0.682 | 0.800 | +0.20 [" in speeds.report()
    assert speeds.report().count("| 5 |") == 1
