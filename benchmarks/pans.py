"""Whether the camera goes where the caption says, with ordinary noise and with noise that moves: ``python -m benchmarks.pans``.

Clips of three families whose captions pan to the left and to the right, at 16 and at 64 frames; the noise of a pair of clips is
`gaussian` and `pan` of the same seed, told to go to the caption's side, by one width of the picture in 16 frames. The same pans
drawn by the world show what the measure itself can see. ``--model NAME`` measures another model. A line a clip in
``benchmarks/results/pans.jsonl`` (what is there is not made again); ``python -m benchmarks.pans report`` prints the tables, and
writes them and the picture into docs/sampling.md.
"""

from __future__ import annotations

import json
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from benchmarks.lines import Line, command, read_lines
from benchmarks.nursing.report import fill
from vstar_sdk.metrics.intervals import interval
from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.judge import judge
from vstar_sdk.miniworld.panned import best_shift
from vstar_sdk.miniworld.world import scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "benchmarks" / "results" / "pans.jsonl"
PAGE, PICTURE = ROOT / "docs" / "sampling.md", ROOT / "docs" / "images" / "pan.png"
LENGTHS = {16: 1.0, 64: 4.0}
"""Frames, and how far the camera goes, in widths."""
STEPS = {16: 25, 64: 12}
PROMPTS = {"landscape": "a landscape in summer", "beach": "a beach at noon", "city": "a city by day"}
SIDES = ("left", "right")
NOISES = ("gaussian", "pan")
WORLD = "drawn by the world"
"""Stands for the model in the records of drawings."""

METRICS = [{"use": name} for name in ("miniworld-pan", "flicker", "detail")]
SHOWN = {"pan_speed": "{:+.1f}", "pan_steady": "{:+.2f}", "scene": "{:+.2f}", "flicker": "{:+.2f}", "detail": "{:+.2f}"}
"""What is compared, and how it is written."""

UNITS = {"flicker": 255, "detail": 255}
"""Those that are recorded in steps of 255."""


def spec_of(model: str, family: str, side: str, noise: str, frames: int, seed: int) -> dict[str, Any]:
    """A clip."""
    moving = {"use": "pan", "to": side, "distance": LENGTHS[frames]}
    return {
        "model": {"use": model},
        "prompt": f"{PROMPTS[family]}, the camera pans {side}",
        "synopsis": {"use": "miniworld"},
        "regularizers": [],
        "frames": frames,
        "seed": seed,
        "sampling": {"steps": STEPS[frames], "noise": moving if noise == "pan" else {"use": noise}},
        "metrics": METRICS,
        "output": [],
    }


def measure(model: str, seeds: int) -> None:
    """Make what is not recorded yet."""
    from vstar_sdk import Session

    keys = ("model", "frames", "seed", "family", "side", "noise")
    done = {tuple(line[key] for key in keys) for line in read_lines(RECORDS)}
    world = product([WORLD], LENGTHS, range(seeds), PROMPTS, SIDES, [""])
    with Session() as session, RECORDS.open("a", encoding="utf-8") as file:
        for what in (*world, *product([model], LENGTHS, range(seeds), PROMPTS, SIDES, NOISES)):
            if what in done:
                continue
            line: Line = dict(zip(keys, what, strict=True))
            if line["model"] == WORLD:
                line |= drawn(line["family"], line["side"], line["frames"], line["seed"])
                print(json.dumps(line), file=file, flush=True)
                continue
            result = session.run(spec_of(model, line["family"], line["side"], line["noise"], line["frames"], line["seed"]))
            found = result.manifest["metrics"] | {"scene": seen(line["family"], np.stack([*result.frames()]))}
            line |= {name: round(found[name] * UNITS.get(name, 1), 4) for name in ("pan_side", *SHOWN)}
            print(json.dumps(line), file=file, flush=True)


def seen(family: str, frames: NDArray[np.uint8]) -> float:
    """The share of frames that show the family, as the judge reads them."""
    return float((judge().read(frames).families.argmax(1) == list(families()).index(family)).mean())


def drawn(family: str, side: str, frames: int, seed: int) -> Line:
    """The pan as the world draws it, measured alike."""
    sign = 1 if side == "right" else -1
    way = sign * np.linspace(0, 64 * LENGTHS[frames], frames)
    clip = scene(family, 2**31 + seed).render(np.full(frames, 0.5), np.arange(frames, dtype=float), 200 + way)
    grey = clip.astype(np.float32).mean(-1)
    grey -= grey.mean(2, keepdims=True)
    shifts = sign * np.array([best_shift(before, after) for before, after in pairwise(grey)])
    speed = float(np.median(shifts))
    return {"pan_side": float(speed > 0), "pan_speed": speed, "pan_steady": round(float((shifts == round(speed)).mean()), 4)}


def right_of(lines: list[Line]) -> str:
    """In how many clips the camera goes to the right side, family by family."""
    found: dict[str, list[bool]] = {}
    for line in lines:
        found.setdefault(line["family"], []).append(line["pan_side"] > 0)
    return ", ".join(f"{family} {sum(some)} of {len(some)}" for family, some in sorted(found.items()))


def table(lines: list[Line], model: str, frames: int) -> str:
    """What the clips of a model and length show, and how those with moving noise differ from those without."""
    mine = [line for line in lines if (line["model"], line["frames"]) == (model, frames)]
    pairs: dict[tuple[Any, ...], dict[str, Line]] = {}
    for line in mine:
        pairs.setdefault((line["family"], line["side"], line["seed"]), {})[line["noise"]] = line
    both = [(pair["gaussian"], pair["pan"]) for pair in pairs.values() if len(pair) == len(NOISES)]
    said = [
        f"| {model}, {frames} frames | right side | speed | steady | scene | flicker | detail | clips |",
        "|---|" + "---:|" * (len(SHOWN) + 2),
    ]
    for place, noise in enumerate(NOISES):
        some = [pair[place] for pair in both]
        means = [f"{np.mean([line[name] for line in some]):.2f}" for name in SHOWN]
        said.append(f"| `{noise}` | {right_of(some)} | {' | '.join(means)} | {len(some)} |")
    changes: list[str] = []
    for name, how in SHOWN.items():
        found = interval([pan[name] - plain[name] for plain, pan in both])
        text = f"{how.format(found.mean)} ({how.format(found.low)} to {how.format(found.high)})"
        changes.append(text if found.holds_zero else f"**{text}**")
    said.append(f"| `pan` - `gaussian` | | {' | '.join(changes)} | {len(both)} |")
    truth = [line for line in lines if (line["model"], line["frames"]) == (WORLD, frames)]
    speed, steady = (np.mean([line[name] for line in truth]) for name in ("pan_speed", "pan_steady"))
    said.append(f"| {WORLD} | {right_of(truth)} | {speed:.2f} | {steady:.2f} | | | | {len(truth)} |")
    return "\n".join(said)


def report() -> str:
    """The tables of what was made; they go into the page too."""
    lines = read_lines(RECORDS)
    kinds = dict.fromkeys((line["model"], line["frames"]) for line in lines if line["model"] != WORLD)
    said = "\n\n".join(table(lines, model, frames) for model, frames in sorted(kinds))
    fill(PAGE, {"pans": said})
    picture()
    return said


def picture(seed: int = 1) -> None:
    """One clip to each side, with both noises: eight of sixteen frames, twice as large."""
    from vstar_sdk import Session

    def strip(side: str, noise: str) -> NDArray[np.uint8]:
        frames = session.run(spec_of("miniworld", "landscape", side, noise, 16, seed) | {"metrics": []}).frames()
        return np.concatenate([*frames][::2], axis=1)

    with Session() as session:
        rows = [strip(side, noise) for side in SIDES for noise in NOISES]
    gap = np.full((4, rows[0].shape[1], 3), 255, dtype=np.uint8)
    sheet = np.concatenate([part for row in rows for part in (row, gap)][:-1])
    Image.fromarray(sheet).resize((2 * sheet.shape[1], 2 * sheet.shape[0]), Image.Resampling.LANCZOS).save(PICTURE, optimize=True)


def main() -> None:
    """Make clips, and print the tables."""
    command("pans", __doc__, measure, report, seeds=4)


if __name__ == "__main__":
    main()
