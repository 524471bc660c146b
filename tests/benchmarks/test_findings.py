"""The findings are what the records say, and nothing where they are too few."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import findings
from benchmarks.leaderboard.entries import BASE

METHODS = [BASE, "TAR max", "TAR spread", "relay", "FreeNoise", "FreeLong", "window", "ALiBi", "temperature", "uniform"]
STORIES = ["landscape", "flower", "city", "volcano"]


@pytest.fixture
def folder(tmp_path):
    """Clips whose flicker falls as their attention gets diagonal, and whose layout has nothing to do with it."""
    rng = np.random.default_rng(1)
    lines = []
    for place, entry in enumerate(METHODS):
        for family in STORIES:
            for seed in range(5):
                near = 0.1 * place + 10 * STORIES.index(family)  # stories differ much more than methods
                numbers = {"diagonalness": near, "flicker": -near + 0.001 * rng.normal(), "layout": float(rng.normal())}
                about = {"entry": entry, "against": BASE, "model": "miniworld", "frames": 16, "family": family, "kind": "story"}
                lines.append(about | {"seed": seed, "spec": "x", **numbers, "stage_error": 0.1 * (entry == "TAR max")})
    (tmp_path / "miniworld-16.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def test_methods_are_compared_within_a_story_and_seed(folder):
    (board,) = findings.boards(folder)
    low, value, high = findings.correlation(findings.across_methods(board, "flicker"))
    assert -1 <= low <= value <= high < -0.95
    low, value, high = findings.correlation(findings.across_methods(board, "layout"))
    assert low < 0 < high
    assert abs(value) < 0.2


def test_correlations_are_spearmans():
    pairs = np.array([[1.0, 10.0], [2.0, 40.0], [3.0, 20.0], [4.0, 20.0], [5.0, 70.0]])
    # Ranks 0 1 2 3 4 and 0 3 1.5 1.5 4: covariance 6.5 of sqrt(10 * 9.5), by hand.
    assert findings.rank_correlation(pairs) == pytest.approx(6.5 / np.sqrt(95))
    assert findings.rank_correlation(np.array([[1.0, 5.0], [2.0, 5.0]])) == 0.0


def test_differences_are_paired_and_bold_where_they_exclude_0(folder):
    table = findings.changes(findings.boards(folder), [("TAR max", BASE), ("TAR mean", BASE)])
    assert "| miniworld, 16: TAR max less VSP | **+0.100 (+0.100 to +0.100)** |" in table
    assert "TAR mean" not in table


def test_without_enough_clips_nothing_is_said(tmp_path):
    assert set(findings.tables(tmp_path).values()) == {"Too few clips yet."}
