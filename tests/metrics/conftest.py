"""Synthetic clips whose numbers are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from vstar_sdk.footage import Footage
from vstar_sdk.metrics.contract import Metric

Frames = NDArray[np.uint8]


def flat(levels, side: int = 8) -> Frames:
    """Grey frames of these levels, one a frame."""
    return np.repeat(np.asarray(levels, np.uint8), side * side * 3).reshape(-1, side, side, 3)


@pytest.fixture
def measured() -> Callable[..., dict[str, float]]:
    """What a metric measures on frames, shown one by one as a run does."""

    def measure(metric: Metric, frames: Frames, prompt: str = "") -> dict[str, float]:
        count, height, width, _ = frames.shape
        metric.begin(Footage(frames=count, width=width, height=height, fps=8.0, prompt=prompt))
        for frame in frames:
            shown = frame.copy()
            shown.flags.writeable = False
            metric.add(shown)
        return dict(metric.result())

    return measure


@pytest.fixture
def noise() -> Frames:
    """A clip of 24 frames that evolves evenly from one random picture to another."""
    random = np.random.default_rng(5)
    first, last = random.integers(0, 256, (2, 16, 20, 3)).astype(float)
    share = np.linspace(0, 1, 24)[:, None, None, None]
    return np.rint((1 - share) * first + share * last).astype(np.uint8)
