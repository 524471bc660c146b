"""``repetition`` sees a story that begins again, at its lag."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vstar_sdk import Options, SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.metrics.repetition import Repetition


def repetition(measured, frames):
    return measured(Repetition(Options()), frames)


def by_hand(frames) -> tuple[float, int]:
    """The formula as it is written, with Pillow's mean of areas on each frame."""
    channels = np.moveaxis(frames, -1, 1).reshape(-1, *frames.shape[1:3]).astype(np.float32)
    shrunk = [np.asarray(Image.fromarray(one).resize((16, 16), Image.Resampling.BOX)) for one in channels]
    small = np.stack(shrunk).reshape(len(frames), -1)
    y = small - small.mean(0)
    r = [
        (y[: len(y) - lag] * y[lag:]).sum(1).mean()
        / np.sqrt((y[: len(y) - lag] ** 2).sum(1).mean() * (y[lag:] ** 2).sum(1).mean())
        for lag in range(len(y) - 7)
    ]
    peaks = [lag for lag in range(8, len(y) - 8) if r[lag] > r[lag - 1] and r[lag] > r[lag + 1]]
    best = max(peaks, key=lambda lag: r[lag])
    return r[best], best


def test_it_is_its_formula_on_a_random_clip_of_odd_size(measured):
    clip = np.random.default_rng(3).integers(0, 256, (30, 32, 48, 3), dtype=np.uint8)
    clip[11:22] = clip[:11] // 2 + clip[11:22] // 2
    value, lag = by_hand(clip)
    found = repetition(measured, clip)
    assert lag == 11
    assert found == {"repetition": pytest.approx(value, abs=1e-4), "repetition_at": 11.0}


def test_what_goes_one_way_and_what_stands_still_repeat_nothing(measured):
    way = np.linspace(0, 200, 40).astype(np.uint8)[:, None, None, None] * np.ones((20, 24, 3), np.uint8)
    for clip in (way, np.repeat(way[:1], 40, 0)):
        assert repetition(measured, clip) == {"repetition": 0.0, "repetition_at": 0.0}


def test_a_clip_that_is_too_short_or_too_small_is_refused_and_the_shortest_is_not(measured):
    clip = np.random.default_rng(0).integers(0, 256, (17, 16, 16, 3), dtype=np.uint8)
    assert repetition(measured, clip)["repetition_at"] in (0.0, 8.0)
    with pytest.raises(SpecError, match="cannot be measured on 16 frames: it needs 17"):
        Repetition(Options()).begin(Footage(frames=16, width=64, height=64, fps=8))
    with pytest.raises(SpecError, match="frames of 16x16 pixels, not 15x64"):
        Repetition(Options()).begin(Footage(frames=32, width=15, height=64, fps=8))
