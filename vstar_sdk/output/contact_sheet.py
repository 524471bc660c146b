"""``contact-sheet``: the whole story on one picture, with the captions under the frames that they rule."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from vstar_sdk.output.path import ArtifactOptions
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.output.contract import Clip
    from vstar_sdk.output.sheet.layout import Tile


class ContactSheetOptions(ArtifactOptions):
    """A PNG image with evenly chosen frames, their numbers, and each state's caption under the frames that it rules."""

    suffix: ClassVar[str] = ".png"

    path: str = "contact-sheet.png"
    """Name of the file inside the run directory."""
    count: int = Field(default=16, ge=2, le=144)
    """Frames shown, at most: the first, the last, the states' anchors where all fit, and others spaced evenly between them."""
    columns: int = Field(default=8, ge=1, le=24)
    """Frames in a row, at most."""


class ContactSheet:
    """Keeps the chosen frames, at the size in which they are shown, and draws at the end.

    Args:
        options: the validated options.
    """

    _clip: Clip
    _target: Path

    def __init__(self, options: ContactSheetOptions) -> None:
        self.path = options.path
        self._options = options
        self._chosen: frozenset[int] = frozenset()
        self._tiles: list[Tile] = []
        self._written = 0

    def open(self, target: Path, clip: Clip) -> None:
        """Choose the frames; ``target`` is made by `close`."""
        self._target, self._clip, self._tiles, self._written = target, clip, [], 0
        self._chosen = frozenset(chosen_frames(clip.frames, self._options.count, clip.timeline.anchors))

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Keep one frame, ``(height, width, 3)``, RGB, if it is among the chosen."""
        from vstar_sdk.output.sheet.layout import Tile, columns_of, tile_picture

        if self._written in self._chosen:
            columns = columns_of(len(self._chosen), self._options.columns)
            self._tiles.append(Tile(self._written, tile_picture(frame, columns)))
        self._written += 1

    def close(self) -> None:
        """Draw the sheet and write it."""
        from vstar_sdk.output.sheet.drawing import draw

        draw(self._tiles, self._clip, self._options.columns).save(self._target, format="PNG")
        self.abort()

    def abort(self) -> None:
        """Let go of the frames kept."""
        self._tiles = []


@hookimpl
def register_exporters(register: Register) -> None:
    """Offer ``contact-sheet``."""
    summary = "The story on one PNG: selected frames, each with its caption."
    register("contact-sheet", options=ContactSheetOptions, factory=ContactSheet, summary=summary)


def chosen_frames(frames: int, count: int, anchors: Sequence[int] = ()) -> list[int]:
    """The first frame, the last, the anchors, and others spaced as evenly between them as whole frames allow.

    Args:
        frames: frames of the clip, from 1.
        count: how many to choose, from 2.
        anchors: frames that should be among them; left out of account when they do not all fit.

    Returns:
        ``min(frames, count)`` different frames in order, the first and the last always among them.
    """
    if frames <= count:
        return list(range(frames))
    fixed = sorted({0, frames - 1, *anchors})
    if len(fixed) > count:
        fixed = [0, frames - 1]
    parts = [1] * (len(fixed) - 1)
    gaps = [end - start for start, end in pairwise(fixed)]
    for _ in range(count - len(fixed)):
        coarsest = max(range(len(gaps)), key=lambda n: gaps[n] / parts[n])
        parts[coarsest] += 1
    between = zip(fixed, gaps, parts, strict=False)
    return [start + round(step * gap / steps) for start, gap, steps in between for step in range(steps)] + [frames - 1]
