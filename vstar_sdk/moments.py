"""Moments and durations of a clip: frames (``12``), seconds (``"2.5s"``) or a fraction (``"40%"``).

No torch, no pydantic: the spec wraps these functions in validators.
"""

from __future__ import annotations

import math
import re
from typing import Literal, NamedTuple

Span = int | float | str
"""Frames as a number, or ``"2.5s"``, or ``"40%"``."""

LONGEST = 1e9
"""The longest amount, in whatever it is written in: a typing error should be told as one."""

PATTERN = r"^\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(s|%|)\s*$"
"""How a moment is written as text, as a regular expression that JSON Schema has too."""

_WRITTEN = re.compile(PATTERN)


class Parsed(NamedTuple):
    """A span taken apart: an amount and its unit (a fraction is 0 to 1)."""

    amount: float
    unit: Literal["frames", "seconds", "fraction"]


def parse(span: Span) -> Parsed:
    """Take a written span apart.

    Raises:
        ValueError: it is negative, not finite, or neither a number, ``"2.5s"`` nor ``"40%"``.
    """
    if isinstance(span, bool) or not isinstance(span, int | float | str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"{span!r} must be frames, seconds or a fraction: 12, '2.5s' or '40%'")
    if isinstance(span, int | float):
        if (isinstance(span, float) and not math.isfinite(span)) or span < 0:
            raise ValueError(f"{span!r} frames: a moment must be at least 0")
        return Parsed(_bounded(span), "frames")
    match = _WRITTEN.match(span)
    if match is None:
        raise ValueError(f"{span!r} must be frames, seconds or a fraction: 12, '2.5s' or '40%'")
    amount = _bounded(float(match[1]))
    if match[2] == "s":
        return Parsed(amount, "seconds")
    if match[2] == "%":
        if amount > 100:
            raise ValueError(f"{span!r} is beyond the clip: a fraction is at most 100%")
        return Parsed(amount / 100, "fraction")
    return Parsed(amount, "frames")


def _bounded(amount: float) -> float:
    if amount > LONGEST:
        raise ValueError(f"no clip is longer than {LONGEST:,.0f} frames or seconds")
    return float(amount)


def position(span: Span, frames: int, fps: float) -> int:
    """The frame, from 0, that a moment names; ``"100%"`` is the last one.

    Args:
        span: the moment.
        frames: frames of the clip.
        fps: frames a second, for moments in seconds.

    Raises:
        ValueError: no moment, not a whole frame, or beyond the last frame.
    """
    amount, unit = parse(span)
    if unit == "frames":
        if amount != int(amount):
            raise ValueError(f"{span!r}: a frame is a whole number")
        frame = int(amount)
    elif unit == "seconds":
        frame = round(amount * fps)
    else:
        frame = round(amount * (frames - 1))
    if frame >= frames:
        last = f"{frames - 1} ({(frames - 1) / fps:.2f}s at {fps:g} fps)"
        raise ValueError(f"{span!r} is frame {frame}, beyond the clip's last frame, {last}")
    return frame


def duration(span: Span, frames: int, fps: float) -> float:
    """A length in frames, not rounded; ``"100%"`` is the whole clip.

    Raises:
        ValueError: it is not a moment (see `parse`).
    """
    amount, unit = parse(span)
    return amount * {"frames": 1.0, "seconds": fps, "fraction": float(frames)}[unit]
