"""A state that is changed changes the picture where it stands, and hardly anywhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vstar_sdk import Result, Session

YEAR = [
    "a landscape in winter, white snow covers the hills",
    "a landscape in spring, pink blossom covers the trees",
    "a landscape in summer, green leaves cover the trees",
    "a landscape in autumn, orange leaves cover the trees",
]


def spec(states: list[str]) -> dict[str, Any]:
    return {"frames": 16, "seed": 3, "synopsis": {"use": "states", "states": states}, "sampling": {"steps": 8}}


def pictures(result: Result) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.stack(list(result.frames())).astype(np.float64)


@pytest.fixture(scope="module")
def session():
    with Session() as shared:
        yield shared


@pytest.fixture(scope="module")
def year(session):
    return pictures(session.run(spec(YEAR)))


@pytest.mark.parametrize(("changed", "caption"), [(0, YEAR[3]), (1, YEAR[3]), (2, YEAR[0]), (3, YEAR[0])])
def test_the_frames_of_a_changed_state_change_and_those_that_it_does_not_reach_stay(session, year, changed, caption):
    """Attention over frames carries a little of every change everywhere; it stays far below what the state itself does."""
    result = session.run(spec([*YEAR[:changed], caption, *YEAR[changed + 1 :]]))
    weight = np.array(result.timeline.weights)[:, changed]
    difference = np.abs(pictures(result) - year).mean((1, 2, 3))
    assert difference[weight >= 0.5].min() > 2 * difference[weight == 0.0].max()
    assert difference[weight == 1.0].min() > 6 * np.median(difference[weight == 0.0])
    assert np.corrcoef(weight, difference)[0, 1] > 0.95
