"""How a clip of the embedded world tells its story: numbers from what the judge reads in its frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstar_sdk.miniworld.grammar import Family, families
from vstar_sdk.miniworld.judge import Verdict, judge, stage_distance
from vstar_sdk.miniworld.reader import Reading

Numbers = NDArray[np.floating[Any]]


def along(family: Family, stages: Numbers, start: float, end: float) -> Numbers:
    """Stages as the story counts them: where they repeat, the turn that is nearest to the middle of the story."""
    middle = (start + end) / 2
    return middle + (stages - middle + 0.5) % 1.0 - 0.5 if family.cyclic else stages


def story_numbers(verdict: Verdict, reading: Reading) -> dict[str, float]:
    """How a clip tells its story.

    Args:
        verdict: what the judge reads in its frames.
        reading: the story: its scene, and from where to where.

    Returns:
        ``error``, the mean distance of the depicted stage from the story's, with ``first`` and ``last`` for the three frames
        at each end; ``moved``, the way from the first three frames' stage to the last three's, as a share of the story's, and
        ``range``, the share of the story's way between the 5th and the 95th percentile; ``order``, the rank correlation of
        stage with time, 1 for a story in order; ``scene``, the share of frames that show the right one.
    """
    family = families()[reading.family]
    mine = judge().names.index(family.name)
    stages = verdict.stages[:, mine]
    target = np.linspace(reading.start, reading.end, len(stages))
    off = stage_distance(family, stages, target)
    shown = along(family, stages, reading.start, reading.end)
    way = reading.end - reading.start
    spread = float(np.subtract(*np.percentile(shown, [95, 5])))
    return {
        "error": float(off.mean()),
        "first": float(off[:3].mean()),
        "last": float(off[-3:].mean()),
        "moved": float((np.median(shown[-3:]) - np.median(shown[:3])) / way),
        "range": spread / abs(way),
        "order": float(np.sign(way)) * rank_correlation(shown),
        "scene": float((verdict.families.argmax(1) == mine).mean()),
    }


def rank_correlation(values: Numbers) -> float:
    """Spearman's correlation of values with their order; 0 for values that are all alike."""
    ranks = np.argsort(np.argsort(values)).astype(float)
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1]) if np.ptp(values) > 1e-6 else 0.0
