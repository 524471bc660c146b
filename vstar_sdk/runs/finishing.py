"""The finishers of a run: what becomes of frames after the model, known before it is loaded. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vstar_sdk.errors import SpecError
from vstar_sdk.finishers.contract import Finisher
from vstar_sdk.footage import Footage
from vstar_sdk.plugin.boundary.frames import Source
from vstar_sdk.runs.settings import MOST_FRAMES, MOST_PIXELS
from vstar_sdk.runs.story import Story
from vstar_sdk.spec.loading import LoadedSpec
from vstar_sdk.timeline import Timeline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Finishing:
    """The finishers of a run, in the order of the spec.

    Attributes:
        finishers: made for it.
        footage: what goes into each of them, and at last what comes out.
    """

    finishers: tuple[Finisher, ...]
    footage: tuple[Footage, ...]

    @property
    def final(self) -> Footage:
        """What is measured and written."""
        return self.footage[-1]

    def frames(self, frames: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """The finished frames, made as they are drawn.

        Args:
            frames: ``(height, width, 3)``, RGB, uint8, as the model and the plugins' transforms leave them.
        """
        for finisher, clip in zip(self.finishers, self.footage, strict=False):
            frames = iter(finisher.finish(Source(frames), clip))
        return frames


def finishing_of(loaded: LoadedSpec, footage: Footage) -> Finishing:
    """Make the finishers, and find out what comes of each; a run makes its own, since they may remember.

    Args:
        loaded: the spec.
        footage: what the model will make.

    Raises:
        SpecError: a finisher cannot take what comes in, or would make too much of it; with its path in the spec.
        MissingDependency: a package that it needs is not installed.
    """
    finishers: list[Finisher] = []
    clips = [footage]
    for index, options in enumerate(loaded.spec.finish):
        finisher: Finisher = loaded.catalog.make("finishers", options, path=("finish", index))
        try:
            clip = finisher.plan(clips[-1])
            _check(clip)
        except SpecError as error:
            raise error.under("finish", index) from None
        finishers.append(finisher)
        clips.append(clip)
    return Finishing(tuple(finishers), tuple(clips))


def finished_timeline(loaded: LoadedSpec, story: Story, final: Footage) -> Timeline:
    """Where the states stand in the finished clip.

    Args:
        loaded: the spec.
        story: as it is told.
        final: the finished clip.

    Raises:
        SpecError: it has fewer frames than the story has states; with its path in the spec.
    """
    try:
        return story.timeline.stretched(final.frames)
    except SpecError as error:
        raise loaded.error(error.under("finish")) from None


def _check(clip: Footage) -> None:
    if clip.frames > MOST_FRAMES:
        raise SpecError(f"{clip.frames:,} frames would result: a clip has at most {MOST_FRAMES:,}", hint="use a smaller factor")
    if clip.width * clip.height > MOST_PIXELS:
        raise SpecError(
            f"pictures of {clip.width}x{clip.height} would result: pictures have at most {MOST_PIXELS:,} pixels",
            hint="use a smaller factor",
        )
