"""A timeline as a picture: which state every frame shows, and when in the schedule regularizers act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from vstar_sdk import Synopsis, Timeline

WIDTH, ROW, EDGE, NAMES = 1024, 34, 16, 360
_PAPER, _INK, _BAR, _WINDOW = (250, 250, 248), (40, 40, 44), (46, 110, 180), (196, 106, 40)


def picture(synopsis: Synopsis, timeline: Timeline, windows: Sequence[tuple[str, float, float]]) -> Image.Image:
    """One row for every state, its colour as strong as its weight in a frame, and one for every regularizer's window.

    Args:
        synopsis: the key states.
        timeline: where they stand.
        windows: for each regularizer its name, and the start and end of its window as fractions of the schedule.
    """
    rows = len(synopsis.states) + len(windows) + 2
    sheet = Image.new("RGB", (WIDTH, 2 * EDGE + ROW * rows), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)

    def name(row: int, text: str) -> None:
        shown = text
        while draw.textlength(shown, font=font) > NAMES - 2 * EDGE:
            shown = shown[:-2].rstrip() + "…" if not shown.endswith("…") else shown[:-2] + "…"
        draw.text((EDGE, EDGE + row * ROW + 8), shown, fill=_INK, font=font)

    def x(fraction: float) -> float:
        return NAMES + fraction * (WIDTH - EDGE - NAMES)

    name(0, f"{timeline.frames} frames")
    for state, one in enumerate(synopsis.states):
        top = EDGE + (state + 1) * ROW
        name(state + 1, one.caption)
        for frame, weights in enumerate(timeline.weights):
            colour = tuple(round(paper + weights[state] * (bar - paper)) for paper, bar in zip(_PAPER, _BAR, strict=True))
            left, right = x(frame / timeline.frames), x((frame + 1) / timeline.frames)
            draw.rectangle((left, top + 4, right, top + ROW - 4), fill=colour)
        anchor = timeline.anchors[state]
        middle = x((anchor + 0.5) / timeline.frames)
        draw.line((middle, top + 1, middle, top + ROW - 1), fill=_INK, width=2)
        draw.text(
            (min(middle + 5, WIDTH - 4 * EDGE), top + 8), str(anchor), fill=_INK, font=font, stroke_width=2, stroke_fill=_PAPER
        )
    name(len(synopsis.states) + 1, "the schedule, from first to last step")
    for row, (text, start, end) in enumerate(windows, len(synopsis.states) + 2):
        name(row, text)
        draw.rectangle((x(start), EDGE + row * ROW + 8, x(end), EDGE + (row + 1) * ROW - 8), fill=_WINDOW)
    return sheet


def as_images(pictures: Sequence[Any]) -> torch.Tensor:
    """Pictures as an IMAGE of ComfyUI: ``(pictures, height, width, 3)``, float32, 0 to 1."""
    shades = np.stack([np.asarray(one, dtype=np.float32) for one in pictures]) / 255.0
    return torch.from_numpy(shades)  # pyright: ignore[reportUnknownMemberType]
