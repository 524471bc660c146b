"""The finishers of a run: what becomes of frames after the model, known before it is loaded. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vstar_sdk.errors import SpecError
from vstar_sdk.finishers.contract import Finisher, SoundFinisher
from vstar_sdk.footage import Footage, Sound
from vstar_sdk.options import Options
from vstar_sdk.plugin.boundary.frames import Source
from vstar_sdk.reach import LocalFile, marks_of
from vstar_sdk.runs.settings import MOST_FRAMES, MOST_PIXELS
from vstar_sdk.runs.story import Story
from vstar_sdk.spec.loading import LoadedSpec
from vstar_sdk.timeline import Timeline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Chosen = TypeVar("Chosen", bound=Options)


@dataclass(frozen=True)
class Finishing:
    """The finishers of a run, in the order of the spec.

    Attributes:
        finishers: made for it.
        footage: what goes into each of them, and at last what comes out.
        sound: that one of them brings; None where none does.
    """

    finishers: tuple[Finisher, ...]
    footage: tuple[Footage, ...]
    sound: Sound | None = None

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
        SpecError: a finisher cannot take what comes in, or would make too much of it, or two bring a sound; with its path in the
            spec.
        MissingDependency: a package that it needs is not installed.
    """
    finishers: list[Finisher] = []
    clips = [footage]
    sound: Sound | None = None
    for index, options in enumerate(loaded.spec.finish):
        here = with_files(options, partial(from_spec, loaded))
        finisher: Finisher = loaded.catalog.make("finishers", here, path=("finish", index))
        try:
            clip = finisher.plan(clips[-1])
            _check(clip)
            brought = finisher.sound() if isinstance(finisher, SoundFinisher) else None
            if brought is not None and sound is not None:
                raise SpecError(f"the clip has the sound {sound.name} already", hint="mix the two in one file, or leave one out")
            sound = brought or sound
        except SpecError as error:
            raise error.under("finish", index) from None
        finishers.append(finisher)
        clips.append(clip)
    return Finishing(tuple(finishers), tuple(clips), sound)


def from_spec(loaded: LoadedSpec, file: str) -> str:
    """The absolute path of a file that a spec names."""
    return str((loaded.document.folder or Path()).absolute() / Path(file).expanduser())


def with_files(options: Chosen, moved: Callable[[str], str]) -> Chosen:
    """Options with other paths in their fields that hold files (see `LocalFile`); the same where there are none.

    Args:
        options: of a finisher, or of a regularizer.
        moved: gives the other path.
    """
    kind = type(options)
    marked = [name for name in kind.model_fields if any(isinstance(mark, LocalFile) for mark in marks_of(kind, name))]
    held = {name: getattr(options, name) for name in marked}
    return options.model_copy(update={name: moved(path) for name, path in held.items() if path}) if held else options


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
