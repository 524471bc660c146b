"""Timing of variants that take turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def medians(
    variants: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Median seconds of each variant; they take turns, so that other load on the machine falls on all alike.

    Args:
        variants: what is timed.
        rounds: calls of each; the first is not counted.
        clock: seconds; those of the process alone do not hang on other load, where one thread works.
    """
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, call in variants.items():
            began = clock()
            call()
            taken[name].append(clock() - began)
    return {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}
