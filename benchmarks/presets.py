"""How far fewer steps lead from the model's own picture: schedulers and steps against DDIM with many, on the embedded model.

``python -m benchmarks.presets`` makes the clips and appends a line a clip to ``benchmarks/results/presets.jsonl`` (what is there
is not made again); ``python -m benchmarks.presets report`` prints the table.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.lines import read_lines
from benchmarks.nursing.conditions import Run
from vstar_sdk.metrics.intervals import interval
from vstar_sdk.scoring.stories import STORIES

RECORDS = Path(__file__).parent / "results" / "presets.jsonl"

REFERENCE = ("ddim", 100)
"""So many steps that more would change nothing that is seen."""

CANDIDATES = [("ddim", 25), ("ddim", 12), ("unipc", 12), ("unipc", 10), ("unipc", 8), ("unipc", 6), ("dpm++", 12), ("dpm++", 8)]
"""Scheduler and steps; the first is the model's default."""


def clips(seeds: int) -> Iterator[Run]:
    """All stories at 16 frames with and without TAR, and every second one at 64 with TAR."""
    for seed in range(seeds):
        for variant in ("VSP", "VSP + TAR 4"):
            for family in STORIES:
                yield Run("story", family, variant, 16, seed)
    for family in [*STORIES][::2]:
        yield Run("story", family, "VSP + TAR 4", 64, 0)


def measure(seeds: int) -> None:
    """Make what is not recorded yet."""
    from vstar_sdk import Session
    from vstar_sdk.miniworld.judge import judge
    from vstar_sdk.miniworld.telling import story_numbers

    done = {tuple(record["clip"]) for record in read_lines(RECORDS)}
    todo = [clip for clip in clips(seeds) if clip.key not in done]
    with Session() as session, open(RECORDS, "a", encoding="utf-8") as file:

        def made(clip: Run, scheduler: str, steps: int) -> NDArray[np.uint8]:
            spec: dict[str, Any] = clip.spec() | {"sampling": {"scheduler": scheduler, "steps": steps}}
            return np.stack(list(session.run(spec).frames()))

        for number, clip in enumerate(todo, 1):
            best = made(clip, *REFERENCE)
            record: dict[str, Any] = {"clip": clip.key, "error": story_numbers(judge().read(best), clip.reading)["error"]}
            for scheduler, steps in CANDIDATES:
                frames = made(clip, scheduler, steps)
                off = float(np.sqrt(np.square(frames.astype(np.float32) - best).mean()))
                error = story_numbers(judge().read(frames), clip.reading)["error"]
                record[f"{scheduler} {steps}"] = {"rms": round(off, 4), "error": round(error, 5)}
            file.write(json.dumps(record) + "\n")
            file.flush()
            print(f"{number}/{len(todo)} {' '.join(map(str, clip.key))}", flush=True)


def report() -> None:
    """Print the table, intervals by resampling the clips."""
    records = read_lines(RECORDS)
    print(f"{len(records)} clips (eight families; 16 frames with and without TAR, 64 frames with); 95 % intervals over clips\n")
    print(f"| scheduler, steps | distance from {REFERENCE[0]} {REFERENCE[1]}, of 255 | stage error less that of the default |")
    print("|---|---:|---:|")
    default = " ".join(map(str, CANDIDATES[0]))
    for name in (f"{scheduler} {steps}" for scheduler, steps in CANDIDATES):
        off = np.array([record[name]["rms"] for record in records])
        worse = np.array([record[name]["error"] - record[default]["error"] for record in records])
        print(f"| {name} | {off.mean():.2f} {_interval(off, 2)} | {worse.mean():+.4f} {_interval(worse, 4)} |")


def _interval(values: NDArray[np.floating[Any]], places: int) -> str:
    found = interval(values.tolist())
    return f"({found.low:.{places}f} to {found.high:.{places}f})"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.presets", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["measure", "report"], default="measure")
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    report() if arguments.what == "report" else measure(arguments.seeds)


if __name__ == "__main__":
    main()
