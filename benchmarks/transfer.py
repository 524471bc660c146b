"""Whether the pace of a clip carries over: does what comes out move as its reference does?

``python -m benchmarks.transfer [--seeds N] [--frames F] [--records FILE] [--report] [--fill]``

The world renders one landscape three times: standing still, and panned by 1 and by 4 pixels a frame. Each becomes a ``transfer``,
as a bias and as a mix, for captions with a camera that pans and for stories. Runs are paired by prompt and seed. The records are
kept line by line: a benchmark that was stopped goes on, and ``--report`` prints the tables of what there is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.lines import read_lines
from benchmarks.nursing.report import fill
from vstar_sdk import Session
from vstar_sdk.metrics.intervals import interval
from vstar_sdk.miniworld.grammar import families, key_captions
from vstar_sdk.miniworld.world import scene

SPEEDS = {"still": 0.0, "slow": 1.0, "fast": 4.0}
"""Pixels that the camera moves in a frame of the reference."""
FORMS = ("bias", "mix")
STORIES = (
    "a landscape from winter to autumn",
    "a volcano wakes up",
    "a red flower opens",
    "a city from morning to night",
)
PAGE = Path(__file__).parents[1] / "docs" / "analysis.md"
RECORDS = Path(__file__).parent / "results" / "transfer.jsonl"


def prompts() -> Iterator[tuple[str, dict[str, Any]]]:
    """Names of prompts, and what a spec says of them."""
    for family in families().values():
        if family.pans:
            caption = key_captions(family, family.keys[0], scene(family.name, 0).colour, "left")[0]
            yield f"pan: {family.name}", {"synopsis": {"use": "states", "states": [caption]}}
    for story in STORIES:
        yield f"story: {story}", {"prompt": story, "synopsis": {"use": "miniworld", "states": 4}}


def write_reference(path: Path, speed: float, frames: int) -> Path:
    """A landscape of the world without change of its own, seen by a camera that moves."""
    at = np.arange(frames)
    return write_clip(path, scene("landscape", 3).render(np.full(frames, 0.5), np.zeros(frames), 100 + speed * at))


def write_clip(path: Path, pictures: NDArray[np.uint8]) -> Path:
    """Pictures of the world, ``(frames, 64, 64, 3)``, as a video without loss."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264rgb", rate=8, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb24"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def conditions(folder: Path, frames: int) -> dict[str, list[dict[str, Any]]]:
    """The regularizers of every condition, by its name."""
    clips = {name: str(write_reference(folder / f"{name}.mp4", speed, frames)) for name, speed in SPEEDS.items()}
    found: dict[str, list[dict[str, Any]]] = {"plain": []}
    for form in FORMS:
        for name, clip in clips.items():
            if name != "still" or form == "mix":  # a bias of a still clip is the plain model
                found[f"{form}: {name}"] = [{"use": "transfer", "clip": clip, "form": form}]
    return found


def motion(frames: NDArray[np.uint8]) -> float:
    """Mean difference of neighbouring frames, 0 to 1."""
    return float(np.abs(np.diff(frames.astype(float), axis=0)).mean() / 255)


def pan_speed(frames: NDArray[np.uint8], apart: int = 2, most: int = 12) -> float:
    """Pixels to the side in a frame: the shift by which frames some apart agree best, on average, without its sign."""
    pictures = frames.astype(float)
    shifts: list[float] = []
    for one, other in zip(pictures, pictures[apart:], strict=False):
        width = one.shape[1]
        costs: dict[int, float] = {}
        for shift in range(-most, most + 1):
            ahead, behind = max(0, shift), max(0, -shift)
            costs[shift] = float(np.abs(one[:, ahead : width - behind] - other[:, behind : width - ahead]).mean())
        shifts.append(min(costs, key=lambda shift: (costs[shift], abs(shift))) / apart)
    return abs(float(np.mean(shifts)))


def measure(seeds: int, frames: int, records: Path) -> None:
    """Make what is not recorded yet."""
    records.parent.mkdir(exist_ok=True)
    done = {(one["prompt"], one["seed"], one["condition"], one["frames"]) for one in read_lines(records)}
    with tempfile.TemporaryDirectory() as folder, Session() as session, records.open("a") as file:
        chosen = conditions(Path(folder), frames)
        for seed, (prompt, changes), (name, regularizers) in product(range(seeds), prompts(), chosen.items()):
            if (prompt, seed, name, frames) in done:
                continue
            spec = {"frames": frames, "seed": seed, "regularizers": regularizers, "sampling": {"preset": "fast"}, **changes}
            made = np.stack(list(session.run(spec).frames()))
            line = {"prompt": prompt, "seed": seed, "condition": name, "frames": frames}
            line |= {"motion": round(motion(made), 6), "pan": round(pan_speed(made), 4)}
            file.write(json.dumps(line) + "\n")
            file.flush()


def table(lines: list[dict[str, Any]], kind: str, number: str) -> str:
    """A number under every condition, and paired differences with their intervals."""
    found: dict[str, dict[tuple[str, int], float]] = {}
    for line in lines:
        if line["prompt"].startswith(kind):
            found.setdefault(line["condition"], {})[line["prompt"], line["seed"]] = line[number]
    scale, rows = (1000 if number == "motion" else 1), list[str]()
    for form in FORMS:
        names = ["plain", "plain" if form == "bias" else f"{form}: still", f"{form}: slow", f"{form}: fast"]
        pairs = sorted(set.intersection(*(set(found.get(name, {})) for name in names)))
        if pairs:
            plain, still, slow, fast = (scale * np.array([found[name][pair] for pair in pairs]) for name in names)
            means = [f"{column.mean():.2f}" for column in (plain, still, slow, fast)]
            differences = [_difference(column) for column in (slow - still, fast - slow, fast - plain)]
            rows.append(f"| {form} | {' | '.join([*means, *differences])} | {len(pairs)} |")
    head = "| transfer | plain | still | slow | fast | slow - still | fast - slow | fast - plain | pairs |"
    return "\n".join([head, "|---|---:|---:|---:|---:|---|---|---|---:|", *rows])


def _difference(values: NDArray[np.float64]) -> str:
    """A mean with its interval; bold where that does not hold 0."""
    found = interval(values.tolist())
    text = f"{found.mean:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
    return text if found.holds_zero else f"**{text}**"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--report", action="store_true", help="print what is recorded, and make nothing")
    parser.add_argument("--fill", action="store_true", help="write the tables into docs/analysis.md")
    args = parser.parse_args()
    if not args.report:
        measure(args.seeds, args.frames, args.records)
    lines = [one for one in read_lines(args.records) if one["frames"] == args.frames]
    tables = {
        "story-motion": table(lines, "story", "motion"),
        "pan-motion": table(lines, "pan", "motion"),
        "pan-speed": table(lines, "pan", "pan"),
    }
    for name, text in tables.items():
        print(f"\n{name}\n\n{text}")
    if args.fill:
        fill(PAGE, tables)


if __name__ == "__main__":
    main()
