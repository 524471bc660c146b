"""Numbers of one clip, from its frames."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
Numbers = NDArray[np.floating[Any]]


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
