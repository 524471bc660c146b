"""``change``: the smallest change of colours from a key state to the next."""

from __future__ import annotations

import numpy as np
import pytest

from tests.metrics.conftest import flat
from vstar_sdk import Options, SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.metrics.change import Change


def of(frames, anchors):
    metric = Change(Options())
    count, height, width, _ = frames.shape
    metric.begin(Footage(frames=count, width=width, height=height, fps=8.0, anchors=anchors))
    for frame in frames:
        metric.add(frame)
    return dict(metric.result())


@pytest.mark.parametrize(
    ("levels", "anchors", "change", "state"),
    [
        ([0, 51, 255], (0, 1, 2), 51 / 255, 2),
        ([0, 204, 255], (0, 1, 2), 51 / 255, 3),
        ([0, 99, 7, 99, 255], (0, 4), 1, 2),
        ([9, 200, 9, 200, 9], (0, 2, 4), 0, 2),
    ],
)
def test_flat_pictures_differ_by_their_levels(levels, anchors, change, state):
    assert of(flat(levels), anchors) == {"change": pytest.approx(change), "change_at": state}


def test_it_is_the_distance_between_the_sorted_levels_of_each_channel():
    frames = np.random.default_rng(3).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
    frames[4] //= 3
    ordered = np.sort(frames.reshape(5, 42, 3).astype(float), axis=1)
    changes = [np.abs(ordered[b] - ordered[a]).mean() / 255 for a, b in [(1, 2), (2, 4)]]
    assert of(frames, (1, 2, 4)) == {"change": pytest.approx(min(changes)), "change_at": 2 + np.argmin(changes)}


def test_what_only_moves_is_no_change():
    frame = np.random.default_rng(4).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert of(np.stack([np.roll(frame, shift, axis=1) for shift in range(4)]), (0, 3))["change"] == 0


@pytest.mark.parametrize(("anchors", "said"), [(None, "this clip's are not known"), ((0,), "this story has 1"), ((), "has 0")])
def test_a_clip_without_two_states_is_refused(anchors, said):
    with pytest.raises(SpecError, match=said):
        Change(Options()).begin(Footage(frames=8, width=8, height=8, fps=8, anchors=anchors))
