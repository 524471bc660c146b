"""Makes the README's moving picture: the model alone, key states, key states and TAR. ``python -m docs.moving``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from vstar_sdk import Result, Session
from vstar_sdk.output.scale import enlarge
from vstar_sdk.output.sheet.drawing import ACCENTS, INK, MUTED, PAPER
from vstar_sdk.output.sheet.typeface import Typeface

HERE = Path(__file__).parent
PROMPT, SEED, FRAMES = "a volcano wakes up", 4, 64
TIMES, GAP, TITLE, FOOT = 4, 16, 34, 56
TAR = {"use": "tar", "sigma": {0: 4}, "window": [0.0, 0.56]}
COLUMNS: dict[str, dict[str, Any]] = {
    "the model alone": {"synopsis": {"use": "states", "states": [PROMPT]}, "regularizers": []},
    "with key states": {"regularizers": []},
    "with key states and TAR": {"regularizers": [TAR]},
}


def main() -> None:
    """Write ``docs/images/story.webp``."""
    common = {"prompt": PROMPT, "frames": FRAMES, "seed": SEED}
    with Session() as session:
        results = {title: session.run({**common, **part}) for title, part in COLUMNS.items()}
    clips = [list(result.frames()) for result in results.values()]
    story = results["with key states"]
    pictures = [_picture(list(frames), n, story) for n, frames in enumerate(zip(*clips, strict=True))]
    hold = [125] * (FRAMES - 1) + [1500]
    pictures[0].save(
        HERE / "images" / "story.webp", save_all=True, append_images=pictures[1:], duration=hold, loop=0, quality=70, method=6
    )


def _picture(frames: list[np.ndarray[Any, np.dtype[np.uint8]]], n: int, story: Result) -> Image.Image:
    """One frame of all three, above the state that rules it."""
    side = frames[0].shape[1] * TIMES
    width = len(frames) * side + (len(frames) + 1) * GAP
    picture = Image.new("RGB", (width, TITLE + side + FOOT), PAPER)
    draw, face = ImageDraw.Draw(picture), Typeface()
    for column, (frame, title) in enumerate(zip(frames, COLUMNS, strict=True)):
        left = GAP + column * (side + GAP)
        draw.text((left, TITLE // 2), title, INK, face.at(16), anchor="lm")
        picture.paste(Image.fromarray(enlarge(frame, TIMES)), (left, TITLE))
    ruling, top = story.timeline.ruling()[n], TITLE + side + 14
    for state, (first, last) in enumerate(story.timeline.spans()):
        left, right = (GAP + (width - 2 * GAP) * at / FRAMES for at in (first, last + 1))
        draw.rectangle((left, top, right - 3, top + 4), ACCENTS[state] if first <= n else (225, 223, 217))
    draw.text((GAP, top + 24), story.synopsis.states[ruling].caption, MUTED, face.at(16), anchor="lm")
    return picture


if __name__ == "__main__":
    main()
