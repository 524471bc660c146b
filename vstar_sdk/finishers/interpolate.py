"""``interpolate``: more frames a second, made between those that there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from vstar_sdk.errors import SpecError
from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage

    Frames = Iterator[NDArray[np.uint8]]


class InterpolateOptions(Options):
    """More frames a second: the clip lasts as long, and its own frames stay as they are."""

    factor: int = Field(default=2, ge=2, le=16)
    """How many times as many frames a second."""
    method: Literal["motion", "blend"] = "motion"
    """``motion`` is FFmpeg's motion-compensated interpolation; ``blend`` fades one frame into the next."""


class Interpolate:
    """Puts ``factor - 1`` frames between any two: ``F`` frames become ``(F - 1) factor + 1``, at ``factor`` times the rate.

    Args:
        options: the validated options.
    """

    def __init__(self, options: InterpolateOptions) -> None:
        self._factor, self._moves = options.factor, options.method == "motion"

    def plan(self, clip: Footage) -> Footage:
        """Number and rate grow, the size stays.

        Raises:
            SpecError: there are not two frames, or they are too small to find motion in.
            MissingDependency: the FFmpeg of the installed PyAV cannot do it.
        """
        if clip.frames < 2:
            raise SpecError("a clip of 1 frame cannot be interpolated", hint="remove interpolate")
        if self._moves:
            from vstar_sdk.finishers.motion import check

            check(clip)
        return replace(clip, frames=(clip.frames - 1) * self._factor + 1, fps=clip.fps * self._factor)

    def finish(self, frames: Frames, clip: Footage) -> Frames:
        """Make what is between; a few frames are held."""
        if not self._moves:
            return blended(frames, self._factor)
        from vstar_sdk.finishers.motion import moved

        return moved(frames, self._factor, clip)


def blended(frames: Frames, factor: int) -> Frames:
    """``x[t + k / factor] = (1 - k / factor) x[t] + (k / factor) x[t + 1]``, rounded; one frame is held."""
    import numpy as np

    before = next(frames)
    yield before
    for frame in frames:
        old, new = before.astype(np.float32), frame.astype(np.float32)
        for part in range(1, factor):
            yield np.rint(old + (new - old) * (part / factor)).astype(np.uint8)
        yield frame
        before = frame


@hookimpl
def register_finishers(register: Register) -> None:
    """Offer ``interpolate``."""
    summary = "More frames a second: new frames between the old ones, by motion compensation or blending."
    register("interpolate", options=InterpolateOptions, factory=Interpolate, summary=summary)
