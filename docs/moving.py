"""Makes the README's moving pictures: ``stories.webp`` and ``story.webp``. ``python -m docs.moving``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vstar_sdk import Result, Session
from vstar_sdk.output.scale import enlarge
from vstar_sdk.output.sheet.drawing import ACCENTS, INK, MUTED, PAPER
from vstar_sdk.output.sheet.typeface import Typeface

IMAGES = Path(__file__).parent / "images"
FRAMES, GAP, TITLE, FOOT, LETTERS = 64, 16, 44, 62, 24

STORIES = {
    "a submarine sinks into the deep": 1,
    "a day at the beach": 4,
    "a train travels from the town to the sea": 1,
    "a red flower opens": 7,
}
"""Prompt and seed of the clips that the README begins with."""

PROMPT, SEED = "a volcano wakes up", 4
TAR = {"use": "tar", "sigma": {0: 4}, "window": [0.0, 0.56]}
COLUMNS: dict[str, dict[str, Any]] = {
    "plain": {"synopsis": {"use": "none"}, "regularizers": []},
    "VSP": {"regularizers": []},
    "VSP + TAR": {"regularizers": [TAR]},
}

Frame = NDArray[np.uint8]


def main() -> None:
    """Write both pictures."""
    with Session() as session:
        clips = [_frames(session.run({"prompt": prompt, "frames": FRAMES, "seed": seed})) for prompt, seed in STORIES.items()]
        _save("stories.webp", [_row(frames, 3, GAP, GAP) for frames in zip(*clips, strict=True)])

        common = {"prompt": PROMPT, "frames": FRAMES, "seed": SEED}
        results = {title: session.run(common | part) for title, part in COLUMNS.items()}
    clips = [_frames(result) for result in results.values()]
    _save("story.webp", [_compared(frames, n, results["VSP"]) for n, frames in enumerate(zip(*clips, strict=True))])


def _frames(result: Result) -> list[Frame]:
    return list(result.frames())


def _save(name: str, pictures: Sequence[Image.Image]) -> None:
    """An animation of eight frames a second that rests on its last one."""
    durations = [125] * (len(pictures) - 1) + [1500]
    pictures[0].save(IMAGES / name, save_all=True, append_images=pictures[1:], duration=durations, loop=0, quality=70, method=6)


def _row(frames: Iterable[Frame], times: int, above: int, below: int) -> Image.Image:
    """Frames side by side, enlarged, with room above and below them."""
    large = [Image.fromarray(enlarge(frame, times)) for frame in frames]
    side = large[0].width
    picture = Image.new("RGB", (len(large) * (side + GAP) + GAP, above + side + below), PAPER)
    for column, frame in enumerate(large):
        picture.paste(frame, (GAP + column * (side + GAP), above))
    return picture


def _compared(frames: Sequence[Frame], n: int, story: Result) -> Image.Image:
    """One frame of each column under its title, above the story's current state."""
    picture = _row(frames, 4, TITLE, FOOT)
    draw, face, width = ImageDraw.Draw(picture), Typeface().at(LETTERS), picture.width - GAP
    for column, title in enumerate(COLUMNS):
        draw.text((GAP + column * width // len(COLUMNS), TITLE // 2), title, INK, face, anchor="lm")
    top = picture.height - FOOT + 14
    for state, (first, last) in enumerate(story.timeline.spans()):
        left, right = (GAP + (width - GAP) * at / FRAMES for at in (first, last + 1))
        draw.rectangle((left, top, right - 3, top + 5), ACCENTS[state] if first <= n else (225, 223, 217))
    caption = story.synopsis.states[story.timeline.ruling()[n]].caption
    draw.text((GAP, top + 28), caption, MUTED, face, anchor="lm")
    return picture


if __name__ == "__main__":
    main()
