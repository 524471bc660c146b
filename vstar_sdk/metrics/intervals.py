"""Intervals of means, by resampling what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
"""Draws of one interval."""

_AT_ONCE = 1 << 22
"""Numbers that are drawn at once: memory is bounded however many there are."""


@dataclass(frozen=True)
class Interval:
    """A mean and what is known of it.

    Attributes:
        mean: of the values.
        low: lower end of the 95 % interval.
        high: upper end.
        n: how many values there are.
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def holds_zero(self) -> bool:
        """Whether 0 is in it: then a difference is no finding."""
        return self.low <= 0 <= self.high


def interval(values: Sequence[float], resamples: int = RESAMPLES) -> Interval:
    """The 95 % interval of a mean, by the percentile bootstrap (Efron 1979).

    ``resamples`` times as many values are drawn from the values, with replacement; the ends are the 2.5th and the 97.5th
    percentile of the means. The draws are the same every time. Of few values it is narrower than it should be.

    Args:
        values: at least one; of one value, the interval is that value.
        resamples: how often.

    Raises:
        ValueError: there are no values.
    """
    data = np.asarray(values, float)
    if not data.size:
        raise ValueError("an interval needs at least one value")
    generator, means = np.random.default_rng(0), list[float]()
    while len(means) < resamples:
        rows = min(resamples - len(means), max(1, _AT_ONCE // len(data)))
        means += data[generator.integers(len(data), size=(rows, len(data)))].mean(1).tolist()
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(data.mean()), float(low), float(high), len(data))
