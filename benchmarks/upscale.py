"""What ``miniworld-upscale`` gives, and what it changes.

``python -m benchmarks.upscale [--layouts N] [--seeds N] [--records FILE] [--report] [--fill]``: renders of layouts that training
never draws go through the model's encoder and decoder and are enlarged; what should come out is known, since the world can be
drawn twice as large. Clips that the model generates have no such truth: there it is measured what enlarging changes. Records are
kept line by line, with the hash of the weights; those of other weights are passed over.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.between import decibels
from benchmarks.lines import Line, read_lines
from benchmarks.nursing.report import fill
from vstar_sdk import Options, Session
from vstar_sdk.finishers.contract import Finisher
from vstar_sdk.finishers.upscale import Upscale, UpscaleOptions
from vstar_sdk.footage import Footage
from vstar_sdk.metrics.flicker import Flicker
from vstar_sdk.metrics.intervals import interval
from vstar_sdk.metrics.measured import measured
from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.judge import judge
from vstar_sdk.miniworld.parts import miniworld
from vstar_sdk.miniworld.reader import read as read_prompt
from vstar_sdk.miniworld.telling import story_numbers
from vstar_sdk.miniworld.upscaling import network
from vstar_sdk.miniworld.upscaling.finisher import MiniworldUpscale, MiniworldUpscaleOptions
from vstar_sdk.miniworld.world import scene
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.scoring.stories import Story
from vstar_sdk.weights.directory import file_hash

Frames = NDArray[np.uint8]

HERE = Path(__file__).parent
RECORDS = HERE / "results" / "upscale.jsonl"
PAGE = HERE.parent / "docs" / "miniworld.md"
PICTURE = HERE.parent / "docs" / "images" / "miniworld-upscale.png"
CARD = network.WEIGHTS.parent / "README.md"

FRAMES = 16
"""Frames of a clip."""

UNSEEN = 2**31
"""Seed of the first layout: training draws smaller ones."""


class Bicubic:
    """Twice as large, by Pillow's bicubic filter: what the others are compared with."""

    def plan(self, clip: Footage) -> Footage:
        """Twice as wide and as high."""
        return replace(clip, width=2 * clip.width, height=2 * clip.height)

    def finish(self, frames: Any, clip: Footage) -> Any:
        """Frame by frame."""
        size = (2 * clip.width, 2 * clip.height)
        for frame in frames:
            yield np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))


WAYS: dict[str, Callable[[], Finisher]] = {
    "bicubic": Bicubic,
    "lanczos": lambda: Upscale(UpscaleOptions()),
    "learned": lambda: MiniworldUpscale(MiniworldUpscaleOptions()),
}
"""Ways to enlarge by 2."""


def finished(way: str, frames: Frames) -> Frames:
    """A clip, finished."""
    clip = Footage(frames=len(frames), width=frames.shape[2], height=frames.shape[1], fps=8.0)
    return np.stack(list(WAYS[way]().finish(iter(frames), clip)))


def halved(frames: Frames) -> Frames:
    """Half as wide and as high, by the mean of areas."""
    return np.stack([np.asarray(Image.fromarray(frame).reduce(2)) for frame in frames])


@cache
def autoencoder() -> Any:
    """The model's own."""
    return miniworld(FramewiseOptions()).load("cpu", "float32").networks.vae


@torch.inference_mode()
def through(frames: Frames) -> Frames:
    """Frames through the model's encoder and decoder."""
    pictures = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
    shown = torch.cat([autoencoder().decode(autoencoder().encode(part))[0] for part in pictures.split(8)]).clamp(-1, 1)
    return ((shown + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def told(name: str, layout: int) -> tuple[Frames, Frames]:
    """A clip of a layout that tells a quarter of its family's stages, at 64 and at 128 pixels."""
    rng = np.random.default_rng([layout, 5])
    start = rng.uniform(0, 0.75)
    stages = np.linspace(start, start + 0.25, FRAMES)
    clock = rng.uniform(0, 600) + np.arange(FRAMES)
    pan = (rng.uniform(0, 192) + rng.uniform(-3, 3) * np.arange(FRAMES)) * families()[name].pans
    layout_of = scene(name, UNSEEN + layout)
    small, large = (layout_of.render(stages, clock, pan, scale=scale) for scale in (1, 2))
    return small, large


def flicker(frames: Frames) -> float:
    """Mean difference from the mean of the neighbours, of 255."""
    return 255 * measured(Flicker(Options()), frames)["flicker"]


def sharpness(frames: Frames) -> float:
    """The root of the mean square step between neighbouring pixels, of 255: an edge is as high when blurred, in smaller steps."""
    own = frames.astype(np.float32)
    return float(np.sqrt(sum((np.diff(own, axis=axis) ** 2).mean() for axis in (1, 2))))


def kept(path: Path | None, make: Callable[[], Sequence[Frames]]) -> Sequence[Frames]:
    """Clips, from a file if it is there; made, and put into it, if not."""
    if path is None:
        return make()
    if not path.exists():
        np.savez(path, *make())
    with np.load(path) as file:
        return [file[key] for key in file.files]


def render(name: str, layout: int) -> Sequence[Frames]:
    """A clip of a held-out layout after the decoder, and as `told` gives it."""
    small, large = told(name, layout)
    return through(small), small, large


def rendered(clips: Sequence[Frames]) -> Line:
    """Numbers of a clip of `render`."""
    shown, small, large = clips
    twice = {way: finished(way, shown) for way in ("bicubic", "lanczos")}
    began = time.process_time()
    twice["learned"] = finished("learned", shown)
    spent = time.process_time() - began
    line: Line = {f"psnr {way}": decibels(frames, large) for way, frames in twice.items()}
    line |= {"psnr shown": decibels(shown, small), "psnr halved": decibels(halved(twice["learned"]), small)}
    line |= {f"psnr {way} of renders": decibels(finished(way, small), large) for way in ("bicubic", "learned")}
    line |= {f"flicker {way}": flicker(frames) for way, frames in (twice | {"truth": large}).items()}
    line["ms"] = 1000 * spent / FRAMES
    return line | {f"sharpness {way}": sharpness(frames) for way, frames in (twice | {"truth": large}).items()}


def generate(session: Session, name: str, seed: int) -> Sequence[Frames]:
    """One clip of the model, with its synopsis."""
    prompt = Story(name, "story").prompt(seed)
    spec = {"prompt": prompt, "frames": FRAMES, "seed": seed, "regularizers": [], "sampling": {"preset": "fast"}}
    return [np.stack(list(session.run(spec).frames()))]


def generated(plain: Frames, prompt: str) -> Line:
    """Numbers of a clip of `generate`."""
    made = {"plain": plain} | {way: finished(way, plain) for way in WAYS}
    line: Line = {}
    for way, frames in made.items():
        own = plain if way == "plain" else halved(frames)
        line[f"error {way}"] = story_numbers(judge().read(own), read_prompt(prompt))["error"]
        line[f"flicker {way}"], line[f"sharpness {way}"] = flicker(frames), sharpness(frames)
    return line


def read(records: Path) -> list[Line]:
    """What is recorded of the weights that there are."""
    return [line for line in read_lines(records) if line["weights"] == weights()]


@cache
def weights() -> str:
    """The beginning of the hash of the upscaler's weights."""
    return file_hash(network.WEIGHTS)[:12]


def measure(layouts: int, seeds: int, records: Path, folder: Path | None) -> None:
    """Record what is not recorded yet."""
    done = {(line["kind"], line["family"], line["number"]) for line in read(records)}
    with Session() as session, records.open("a") as file:
        for kind, count in (("render", layouts), ("generated", seeds)):
            for number, name in product(range(count), families()):
                if (kind, name, number) in done:
                    continue
                path = folder / f"{kind}-{name}-{number}.npz" if folder else None
                if kind == "render":
                    numbers = rendered(kept(path, partial(render, name, number)))
                else:
                    (clip,) = kept(path, partial(generate, session, name, number))
                    numbers = generated(clip, Story(name, "story").prompt(number))
                line = {"kind": kind, "family": name, "number": number, "weights": weights()}
                file.write(json.dumps(line | {key: round(value, 5) for key, value in numbers.items()}) + "\n")
                file.flush()


def _column(lines: Sequence[Line], name: str) -> NDArray[np.float64]:
    return np.array([line[name] for line in lines])


def _difference(values: NDArray[np.float64], digits: int) -> str:
    found = interval(values.tolist())
    text = f"{found.mean:+.{digits}f} ({found.low:+.{digits}f} to {found.high:+.{digits}f})"
    return text if found.holds_zero else f"**{text}**"


def renders_table(lines: Sequence[Line]) -> str:
    """PSNR of held-out renders, family by family; the gain is paired by layout."""
    head = (
        "| family | 128 px: bicubic | `upscale` (Lanczos) | learned | learned - bicubic | 64 px: decoded | learned, halved "
        "| gain | renders at 128 px, not encoded: bicubic, learned |"
    )
    rows = [head, "|---|---:|---:|---:|---|---:|---:|---|---:|"]
    for name in (*families(), "all"):
        mine = [line for line in lines if line["kind"] == "render" and name in ("all", line["family"])]
        if not mine:
            continue
        bicubic, lanczos, learned, shown, half, plain, best = (
            _column(mine, f"psnr {way}")
            for way in ("bicubic", "lanczos", "learned", "shown", "halved", "bicubic of renders", "learned of renders")
        )
        cells = [f"{bicubic.mean():.1f}", f"{lanczos.mean():.1f}", f"{learned.mean():.1f}", _difference(learned - bicubic, 1)]
        cells += [f"{shown.mean():.1f}", f"{half.mean():.1f}", _difference(half - shown, 1)]
        rows.append(f"| {name} | {' | '.join([*cells, f'{plain.mean():.1f}, {best.mean():.1f}'])} |")
    return "\n".join(rows)


def speed(lines: Sequence[Line]) -> str:
    """What a frame takes."""
    taken = [line["ms"] for line in lines if line["kind"] == "render"]
    return f"A frame of 64x64 pixels takes {np.median(taken):.0f} ms of CPU time (median)." if taken else ""


def clips_table(lines: Sequence[Line]) -> str:
    """What enlarging changes in clips of renders, whose truth is known, and in generated ones; paired by clip."""
    rows = [
        "| clips, number | as they are | truth | bicubic | learned | learned - bicubic | clips |",
        "|---|---:|---:|---:|---:|---|---:|",
    ]
    render, made = ([line for line in lines if line["kind"] == kind] for kind in ("render", "generated"))
    for title, chosen, number, digits in (
        ("renders, flicker", render, "flicker", 2),
        ("renders, sharpness", render, "sharpness", 2),
        ("generated, flicker", made, "flicker", 2),
        ("generated, sharpness", made, "sharpness", 2),
        ("generated, stage error", made, "error", 4),
    ):
        if not chosen:
            continue
        sides = [
            f"{_column(chosen, f'{number} {way}').mean():.{digits}f}" if f"{number} {way}" in chosen[0] else ""
            for way in ("plain", "truth", "bicubic", "learned")
        ]
        change = _difference(_column(chosen, f"{number} learned") - _column(chosen, f"{number} bicubic"), digits)
        rows.append(f"| {title} | {' | '.join(sides)} | {change} | {len(chosen)} |")
    return "\n".join(rows)


def card_table(lines: Sequence[Line]) -> str:
    """The card's: PSNR at both sizes."""
    rows = ["| family | 128 px: bicubic | learned | 64 px: decoded | learned |", "|---|---:|---:|---:|---:|"]
    for name in families():
        mine = [line for line in lines if line["kind"] == "render" and line["family"] == name]
        cells = [f"{_column(mine, f'psnr {way}').mean():.1f}" for way in ("bicubic", "learned", "shown", "halved")]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def picture(path: Path) -> None:
    """Held-out frames of every family, two of them side by side: bicubic, learned, truth."""
    font, gap, label = ImageFont.load_default(13), 6, 22
    ways = ("bicubic", "learned", "truth")
    side, names = 128, list(families())
    width = 2 * len(ways) * side + gap
    sheet = Image.new("RGB", (width, label + len(names) // 2 * side), "white")
    draw = ImageDraw.Draw(sheet)
    for place, name in enumerate(names):
        small, large = told(name, 1)
        shown = through(small[8:9])
        row, left = divmod(place, 2)
        for column, frame in enumerate((finished("bicubic", shown)[0], finished("learned", shown)[0], large[8])):
            x = left * (len(ways) * side + gap) + column * side
            draw.text((x + 4, 4), ways[column], "black", font)
            sheet.paste(Image.fromarray(frame), (x, label + row * side))
    path.parent.mkdir(exist_ok=True)
    sheet.save(path, optimize=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upscale", description=__doc__)
    parser.add_argument("--layouts", type=int, default=8, help="held-out layouts of every family")
    parser.add_argument("--seeds", type=int, default=3, help="generated clips of every family")
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--clips", type=Path, help="a folder that keeps the clips, so that other weights are measured sooner")
    parser.add_argument("--report", action="store_true", help="print what is recorded, and make nothing")
    parser.add_argument("--fill", action="store_true", help="write tables and picture into docs/ and the card")
    args = parser.parse_args()
    if not args.report:
        if args.clips:
            args.clips.mkdir(parents=True, exist_ok=True)
        measure(args.layouts, args.seeds, args.records, args.clips)
    lines = read(args.records)
    tables = {
        "upscale-renders": f"{renders_table(lines)}\n\n{speed(lines)}",
        "upscale-clips": clips_table(lines),
    }
    print("\n\n".join(tables.values()))
    if args.fill:
        fill(PAGE, tables)
        fill(CARD, {"upscale-card": card_table(lines)})
        picture(PICTURE)


if __name__ == "__main__":
    main()
