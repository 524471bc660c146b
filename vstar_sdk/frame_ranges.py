"""Frames of a clip as a person writes them: ``"0-31"``, ``"0-7, 12, 20-31"``, ``"0s-2s"``, ``"0-50%"``. No torch, no pydantic.

Both ends of a range belong to it. Where the end is a time or a share of the clip, the range stops before the frame that begins
there, so that ``"0s-2s"`` are the frames of the first two seconds, and ``"50%-100%"`` those of the second half.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vstar_sdk.moments import Parsed, parse

_MOMENT = r"([0-9]+(\.[0-9]+)?|\.[0-9]+)\s*(s|%|)"
_RANGE = rf"{_MOMENT}(\s*-\s*{_MOMENT})?"

PATTERN = rf"^\s*{_RANGE}(\s*,\s*{_RANGE})*\s*$"
"""How they are written, as a regular expression that JSON Schema has too."""

_EXAMPLES = "write frames: 12, '0-31', '0-7, 20-31' or '0s-2s'"


def ranges(written: int | str) -> tuple[tuple[Parsed, Parsed | None], ...]:
    """The ranges as they are written: a first moment, and a last one where there are two.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(written, int):
        return ((parse(written), None),)
    found: list[tuple[Parsed, Parsed | None]] = []
    for item in written.split(","):
        first, dash, last = item.partition("-")
        try:
            found.append((parse(first), parse(last) if dash else None))
        except ValueError:
            raise ValueError(f"{written!r} is not a range of frames: {_EXAMPLES}") from None
    return tuple(found)


def frames_in(written: int | str, frames: int, fps: float) -> tuple[int, ...]:
    """The frames that are meant, from 0, ascending, each once.

    Args:
        written: see `ranges`.
        frames: frames of the clip.
        fps: frames a second, for times.

    Raises:
        ValueError: one is not a whole number, ends before it begins, or is beyond the clip.
    """
    found: set[int] = set()
    for first, last in ranges(written):
        start = _frame(first, frames, fps)
        end = start if last is None else _frame(last, frames, fps) - (last.unit != "frames")
        if end < start:
            raise ValueError(f"{written!r}: a range from frame {start} to {end} is empty")
        if end >= frames:
            raise ValueError(f"{written!r} names frame {end}, but the last one is {frames - 1}")
        found.update(range(start, end + 1))
    return tuple(sorted(found))


def as_ranges(frames: Iterable[int]) -> str:
    """Frames as they are written: ``"0-7, 12"``."""
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in _runs(sorted(set(frames))))


def _runs(frames: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each stretch without a gap."""
    there = set(frames)
    starts = (frame for frame in frames if frame - 1 not in there)
    ends = (frame for frame in frames if frame + 1 not in there)
    return zip(starts, ends, strict=True)


def _frame(moment: Parsed, frames: int, fps: float) -> int:
    if moment.unit == "frames":
        if moment.amount != int(moment.amount):
            raise ValueError(f"{moment.amount:g}: a frame is a whole number")
        return int(moment.amount)
    return round(moment.amount * (fps if moment.unit == "seconds" else frames))
