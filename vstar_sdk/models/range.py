"""How far a clip is from those that a model was made for. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from vstar_sdk.models.facts import Facts

AREA = 2.9
"""A picture may have so many times the model's own area, or so small a part of it. Wan's 720p has 2.3 times its 480p."""
SIDE = 2.5
"""Likewise for its width and for its height."""
LENGTH = 4.0
"""Likewise for the length: the paper goes to four times."""
RATE = 2.0
"""Likewise for the frames a second."""


def out_of_range(facts: Facts, frames: int, width: int, height: int, fps: float) -> Iterator[str]:
    """A warning for each number that is far from the model's own.

    What a model cannot make at all is refused by `Facts.check`; these are clips that it makes, and badly.

    Args:
        facts: of the model.
        frames: pixel frames.
        width: in pixels.
        height: in pixels.
        fps: frames a second.
    """
    area = width * height / (facts.width * facts.height)
    sides = (width / facts.width, height / facts.height)
    if _far(area, AREA) or any(_far(side, SIDE) for side in sides):
        yield (
            f"size {width}x{height}: {facts.name} makes pictures of {facts.width}x{facts.height}, and at this size pictures "
            "usually fail (doubled subjects, patterns); remove size, and scale the video afterwards"
        )
    shortest, longest = facts.lengths or (facts.frames / LENGTH, facts.frames * LENGTH)
    if not shortest <= frames <= longest:
        long = frames > longest
        yield (
            f"{frames} frames: {facts.name} makes clips of {facts.frames}, and one that much {'longer' if long else 'shorter'} "
            f"{'repeats itself or falls apart' if long else 'hardly moves, or flickers'}; use "
            f"{'at most' if long else 'at least'} {facts.nearest(longest if long else shortest)}"
        )
    if _far(fps / facts.fps, RATE):
        yield (
            f"fps {fps:g}: {facts.name} makes {facts.fps:g} frames a second, so motion is {_times(fps / facts.fps)}; "
            "remove fps, and change the rate of the video afterwards"
        )


def _far(ratio: float, factor: float) -> bool:
    return not 1 / factor <= ratio <= factor


def _times(ratio: float) -> str:
    return f"{ratio:.3g} times as fast" if ratio > 1 else f"{1 / ratio:.3g} times as slow"
