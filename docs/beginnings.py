"""Makes ``docs/images/pictures.png``: ``python -m docs.beginnings``. Takes a minute."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.keep import write_clip
from vstar_sdk import Session
from vstar_sdk.output.scale import enlarge
from vstar_sdk.output.sheet.drawing import ACCENTS, INK, MUTED, PAPER
from vstar_sdk.output.sheet.typeface import Typeface

TARGET = Path(__file__).parent / "images" / "pictures.png"
FRAMES, SHOWN, SIDE, GAP, TITLE, LETTERS, FOOT = 16, 8, 128, 10, 34, 18, 30

Frames = NDArray[np.uint8]


def story(states: Sequence[str], seed: int, **start: Any) -> dict[str, Any]:
    """A spec of a short clip."""
    return {
        "synopsis": {"states": list(states)},
        "frames": FRAMES,
        "seed": seed,
        "output": [],
        **({"start": start} if start else {}),
    }


def rows(folder: Path) -> dict[str, tuple[Frames, set[int]]]:
    """Title, frames, and which are given."""
    found: dict[str, tuple[Frames, set[int]]] = {}
    with Session() as session:

        def made(spec: dict[str, Any]) -> Frames:
            return np.stack(list(session.run(spec).frames()))

        spring, winter = "a landscape in spring", "a landscape in winter"
        own = made(story([spring, "a landscape in summer"], 3))
        other = made(story(["a landscape in autumn", winter], 3))
        picture, one, two = folder / "first.png", folder / "one.mkv", folder / "two.mkv"
        Image.fromarray(own[0]).resize((240, 160), Image.Resampling.LANCZOS).save(picture)
        write_clip(one, own)
        write_clip(two, other)
        found["first: a picture, 240x160"] = made(story([spring, winter], 8, first=str(picture))), {0}
        kept = {"clip": str(one), "clip_frames": "8-15"}
        found["clip: the last 8 frames of a video, continued"] = (
            made(story(["a landscape in summer", winter], 8, **kept)),
            {*range(8)},
        )
        bridge = {"clip": str(one), "clip_frames": "10-15", "into": str(two), "into_frames": "10-15"}
        found["clip and into: from one video to another"] = (
            made(story(["a landscape in summer", "a landscape in autumn", winter], 8, **bridge)),
            {*range(6), *range(10, 16)},
        )
    return found


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        found = rows(Path(folder))
    height = TITLE + SIDE + GAP
    page = Image.new("RGB", (GAP + SHOWN * (SIDE + GAP), len(found) * height + FOOT + GAP), PAPER)
    draw, face = ImageDraw.Draw(page), Typeface()
    places = [round(place) for place in np.linspace(0, FRAMES - 1, SHOWN)]
    for row, (title, (frames, given)) in enumerate(found.items()):
        top = row * height
        draw.text((GAP, top + TITLE // 2), title, INK, face.at(LETTERS), anchor="lm")
        for column, at in enumerate(places):
            left = GAP + column * (SIDE + GAP)
            page.paste(Image.fromarray(enlarge(frames[at], SIDE // frames.shape[1])), (left, top + TITLE))
            if at in given:
                box = (left - 4, top + TITLE - 4, left + SIDE + 3, top + TITLE + SIDE + 3)
                draw.rectangle(box, outline=ACCENTS[0], width=4)
    foot = f"frames {', '.join(map(str, places))}; framed: given"
    draw.text((GAP, len(found) * height + FOOT // 2), foot, MUTED, face.at(LETTERS - 3), anchor="lm")
    page.save(TARGET)


if __name__ == "__main__":
    main()
