"""Numbers of one clip, from its frames and from what the judge reads in them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstar_sdk.miniworld.grammar import Family, families
from vstar_sdk.miniworld.judge import Judge, stage_distance
from vstar_sdk.miniworld.writer import Reading

Frames = NDArray[np.uint8]
Numbers = NDArray[np.floating[Any]]


def along(family: Family, stages: Numbers, start: float, end: float) -> Numbers:
    """Stages as the story counts them: where they repeat, the turn that is nearest to the middle of the story."""
    middle = (start + end) / 2
    return middle + (stages - middle + 0.5) % 1.0 - 0.5 if family.cyclic else stages


def story_numbers(frames: Frames, reading: Reading, judge: Judge) -> dict[str, float]:
    """How a clip tells its story.

    Returns:
        ``error``, the mean distance of the depicted stage from the story's, with ``first`` and ``last`` for the three frames
        at each end; ``moved``, the way from the first three frames' stage to the last three's, as a share of the story's, and
        ``range``, the share of the story's way between the 5th and the 95th percentile; ``order``, the rank correlation of
        stage with time, 1 for a story in order; ``scene``, the share of frames that show the right one.
    """
    family = families()[reading.family]
    verdict = judge.read(frames)
    mine = judge.names.index(family.name)
    target = np.linspace(reading.start, reading.end, len(frames))
    off = stage_distance(family, verdict.stages[:, mine], target)
    shown = along(family, verdict.stages[:, mine], reading.start, reading.end)
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


def picture_numbers(frames: Frames) -> dict[str, float]:
    """Of 255: ``evolution``, the mean |last - first|; ``flicker``, the mean second difference; ``detail``, the mean gradient."""
    x = frames.astype(np.float32)
    detail = np.abs(np.diff(x, axis=1)).mean() + np.abs(np.diff(x, axis=2)).mean()
    return {
        "evolution": float(np.abs(x[-1] - x[0]).mean()),
        "flicker": float(np.abs(x[2:] - 2 * x[1:-1] + x[:-2]).mean()),
        "detail": float(detail),
    }


def pan_numbers(frames: Frames, camera: str, most: int = 8) -> dict[str, float]:
    """How a camera moves.

    The shift between neighbouring frames is the one of best correlation, rows' means removed, within ``most`` pixels.

    Returns:
        ``speed``, the median shift in pixels a frame, positive to the asked side; ``steady``, the share of pairs of frames at
        that shift; ``right``, 1 where the median goes to the asked side.
    """
    grey = frames.astype(np.float32).mean(-1)
    grey -= grey.mean(2, keepdims=True)
    shifts = np.array([_best_shift(a, b, most) for a, b in pairwise(grey)])
    if camera == "left":
        shifts = -shifts
    speed = float(np.median(shifts))
    return {"speed": speed, "steady": float((shifts == round(speed)).mean()), "right": float(speed > 0)}


def _best_shift(a: Numbers, b: Numbers, most: int) -> int:
    """By how many pixels the picture moves to the left from ``a`` to ``b``; the camera then moves to the right."""
    scores: dict[int, float] = {}
    for shift in range(-most, most + 1):
        before, after = (a[:, shift:], b[:, : b.shape[1] - shift]) if shift >= 0 else (a[:, :shift], b[:, -shift:])
        scores[shift] = float((before * after).sum() / np.sqrt((before**2).sum() * (after**2).sum() + 1e-6))
    return max(scores, key=scores.__getitem__)
