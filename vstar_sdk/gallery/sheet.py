"""Clips below one another on one picture, each in as many frames: what a page shows, for papers and issues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from vstar_sdk.gallery.axes import axes_of
from vstar_sdk.gallery.clips import Shown
from vstar_sdk.output.film import film
from vstar_sdk.output.sheet.drawing import INK, MUTED, PAPER
from vstar_sdk.output.sheet.layout import tile_picture
from vstar_sdk.output.sheet.typeface import typeface_for
from vstar_sdk.output.sheet.typesetting import wrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MARGIN, _GAP, _TEXT = 36, 8, 18
_LINE = round(1.4 * _TEXT)
_LABEL_LINES = 2


def sheet(clips: Sequence[Shown], columns: int = 8, labels: Sequence[str] | None = None) -> Image.Image:
    """Draw the picture.

    Args:
        clips: at least one, a row each.
        columns: frames in a row, spaced evenly from the first to the last of the clip.
        labels: what to call each clip, with its metrics below the frames; None: in what its spec differs from the others'.

    Raises:
        SpecError: a video cannot be read.
    """
    rows = [[tile_picture(frame, columns) for frame in _evenly(clip, columns)] for clip in clips]
    width = max(sum(tile.width + _GAP for tile in row) - _GAP for row in rows)
    below = [_metrics(clip) if labels is not None else "" for clip in clips]
    labels = labels if labels is not None else _differences(clips)
    typeface = typeface_for(" ".join([*labels, *(clip.made for clip in clips)]))
    bold, fine = typeface.at(_TEXT), typeface.at(_TEXT - 3)
    texts = [
        (
            wrap(typeface.text(label), width, _LABEL_LINES, bold.getlength),
            wrap(typeface.text(clip.made), width, _LABEL_LINES, fine.getlength),
            wrap(metrics, width, _LABEL_LINES, fine.getlength),
        )
        for label, clip, metrics in zip(labels, clips, below, strict=True)
    ]
    heights = [sum(map(len, text)) * _LINE + row[0].height for text, row in zip(texts, rows, strict=True)]
    page = Image.new("RGB", (width + 2 * _MARGIN, 2 * _MARGIN + sum(heights) + 2 * _LINE * (len(rows) - 1)), PAPER)
    pen, top = ImageDraw.Draw(page), _MARGIN
    for (label, made, metrics), row in zip(texts, rows, strict=True):
        for line, colour, font in [*((line, INK, bold) for line in label), *((line, MUTED, fine) for line in made)]:
            pen.text((_MARGIN, top), line, colour, font)
            top += _LINE
        for number, tile in enumerate(row):
            page.paste(tile, (_MARGIN + number * (tile.width + _GAP), top))
        top += row[0].height
        for line in metrics:
            pen.text((_MARGIN, top + _GAP), line, INK, fine)
            top += _LINE
        top += 2 * _LINE
    return page


def _differences(clips: Sequence[Shown]) -> list[str]:
    """In what the spec of each clip differs from the others'; its name where it does not."""
    axes = axes_of(clips)
    return [
        ", ".join(f"{axis.name} {axis.text(number) or 'not set'}" for axis in axes) or clip.name
        for number, clip in enumerate(clips)
    ]


def _metrics(clip: Shown) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in clip.metrics.items())


def _evenly(clip: Shown, count: int) -> list[NDArray[np.uint8]]:
    """So many frames of a clip, the first and the last among them."""
    found = film(clip.video)
    chosen = {round(place) for place in np.linspace(0, found.footage.frames - 1, count)}
    return [frame for number, frame in enumerate(found.frames()) if number in chosen]
