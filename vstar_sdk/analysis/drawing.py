"""What the pictures of maps are drawn with: a scale of colours, tiles, and curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from vstar_sdk.output.sheet.drawing import ACCENTS, INK, MUTED, PAPER, Colour
from vstar_sdk.output.sheet.typeface import Font

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RAMP = np.array([(247, 246, 242), (205, 221, 236), (133, 176, 214), (58, 118, 178), (24, 62, 116), (8, 22, 52)], float)
"""From nothing to the largest value: one hue, lighter to darker in even steps."""
LINE: Colour = (212, 210, 203)
_FINE = 3
"""Curves are drawn this many times larger and shrunk."""


def coloured(values: NDArray[np.float64], most: float, side: int) -> Image.Image:
    """A map as a square picture.

    Args:
        values: ``(frames, frames)``, from 0.
        most: from here on it is darkest.
        side: pixels at the most; cells grow by a whole factor, or shrink by averages.
    """
    place = np.clip(values / max(most, 1e-12), 0, 1) * (len(_RAMP) - 1)
    channels = [np.interp(place, np.arange(len(_RAMP)), _RAMP[:, channel]) for channel in range(3)]
    picture = Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))
    frames = len(values)
    if frames > side:
        return picture.resize((side, side), Image.Resampling.BOX)
    grown = frames * (side // frames)
    return picture.resize((grown, grown), Image.Resampling.NEAREST)


def draw_scale(page: Image.Image, place: tuple[int, int], width: int, words: str, font: Font) -> None:
    """The scale of colours with what it means behind it.

    Args:
        page: to draw on.
        place: its left upper corner.
        width: of the scale.
        words: what it means.
        font: of these.
    """
    ramp = np.interp(np.linspace(0, len(_RAMP) - 1, width)[:, None], np.arange(len(_RAMP)), np.arange(len(_RAMP)))
    strip = np.stack([np.interp(ramp[:, 0], np.arange(len(_RAMP)), _RAMP[:, channel]) for channel in range(3)], axis=-1)
    page.paste(Image.fromarray(np.repeat(strip[None], 14, axis=0).round().astype(np.uint8)), place)
    pen = ImageDraw.Draw(page)
    pen.text((place[0] + width + 12, place[1] + 7), words, MUTED, font, anchor="lm")


def draw_curves(
    page: Image.Image, box: tuple[int, int, int, int], curves: Sequence[tuple[Sequence[float], Sequence[float]]], font: Font
) -> None:
    """Curves in a frame from 0, each in the colour of its number, over a dashed line at 1.

    Args:
        page: to draw on.
        box: left, top, right and bottom of the frame.
        curves: places and values of each.
        font: of the numbers at its sides.
    """
    left, top, right, bottom = box
    widest = max((places[-1] for places, _ in curves if places), default=1.0) or 1.0
    highest = 1.05 * max((max(values) for _, values in curves if values), default=1.0)
    fine = Image.new("RGB", ((right - left) * _FINE, (bottom - top) * _FINE), PAPER)
    pen = ImageDraw.Draw(fine)

    def at(place: float, value: float) -> tuple[float, float]:
        return place / widest * (fine.width - 1), (1 - value / highest) * (fine.height - 1)

    even = at(0, 1)[1]
    for start in range(0, fine.width, 12 * _FINE):
        pen.line((start, even, start + 6 * _FINE, even), LINE, _FINE)
    for number, (places, values) in enumerate(curves):
        points = [at(place, value) for place, value in zip(places, values, strict=True)]
        if len(points) > 1:
            pen.line(points, ACCENTS[number % len(ACCENTS)], 2 * _FINE, joint="curve")
    page.paste(fine.resize((right - left, bottom - top), Image.Resampling.BOX), (left, top))
    over = ImageDraw.Draw(page)
    over.line((left, top, left, bottom), LINE)
    over.line((left, bottom, right, bottom), LINE)
    over.text((left - 6, top), f"{highest:.2g}", MUTED, font, anchor="rt")
    over.text((left - 6, bottom), "0", MUTED, font, anchor="rb")
    over.text((right, bottom + 4), f"{widest:g}", MUTED, font, anchor="rt")


__all__ = ["ACCENTS", "INK", "LINE", "MUTED", "PAPER", "coloured", "draw_curves", "draw_scale"]
