"""Whether generated clips lack the band that real clips have.

``python -m benchmarks.bands [--seeds N] [--records FILE] [--report] [--fill]``: for each story, seed and length the embedded
model makes a clip, without regularizers, and looks at one of the same story that the world draws, which is as real as a clip can
be to it. Maps of both are recorded in the middle of the schedule. Records are kept line by line.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lines import read_lines
from benchmarks.nursing.report import fill
from benchmarks.transfer import PAGE, write_clip
from vstar_sdk import load_spec
from vstar_sdk.analysis.generated import generated
from vstar_sdk.analysis.maps import Maps, Where
from vstar_sdk.analysis.real import looking, real
from vstar_sdk.metrics.intervals import interval
from vstar_sdk.miniworld.world import scene
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.plan import make_plan

STORIES = {
    "a landscape from winter to autumn": ("landscape", 0.75),
    "a volcano wakes up": ("volcano", 1.0),
    "a red flower opens": ("flower", 1.0),
    "a city from day to night": ("city", 1.0),
}
"""Prompts, with the family and the stage that each ends at."""
LENGTHS = (16, 64)
RECORDS = Path(__file__).parent / "results" / "bands.jsonl"
NUMBERS = ("diagonalness", "correlation", "entropy")


def numbers_of(maps: Maps) -> dict[str, dict[str, float | None]]:
    """The numbers of every level."""
    return {group.name: {name: getattr(group.numbers, name) for name in NUMBERS} for group in maps.groups}


def measure(seeds: int, records: Path) -> None:
    """Record what is not recorded yet."""
    done = {(one["prompt"], one["seed"], one["frames"]) for one in read_lines(records)}
    models = Models()
    with tempfile.TemporaryDirectory() as folder, records.open("a") as file:
        for seed in range(seeds):
            for frames in LENGTHS:
                for prompt, (family, end) in STORIES.items():
                    if (prompt, seed, frames) in done:
                        continue
                    spec = {"prompt": prompt, "frames": frames, "seed": seed, "regularizers": [], "sampling": {"preset": "fast"}}
                    plan = make_plan(load_spec(spec))
                    told = scene(family, seed).render(np.linspace(0, end, frames), np.arange(frames, dtype=float))
                    drawn = write_clip(Path(folder) / "drawn.mp4", told)
                    line: dict[str, Any] = {"prompt": prompt, "seed": seed, "frames": frames}
                    line["real"] = numbers_of(real(looking(plan), drawn, Where(), models))
                    line["generated"] = numbers_of(generated(plan, Where(), prompt, models))
                    file.write(json.dumps(line) + "\n")
                    file.flush()


def table(lines: list[dict[str, Any]]) -> str:
    """Both kinds of clips, level by level, and the paired differences with their intervals."""
    rows = ["| level | frames | number | real | generated | generated - real | pairs |", "|---|---:|---|---:|---:|---|---:|"]
    for level in ("level 0", "level 1"):
        for frames in LENGTHS:
            chosen = [one for one in lines if one["frames"] == frames]
            for name in NUMBERS if chosen else ():
                drawn, made = (np.array([one[kind][level][name] for one in chosen]) for kind in ("real", "generated"))
                found = interval((made - drawn).tolist())
                text = f"{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
                text = text if found.holds_zero else f"**{text}**"
                rows.append(f"| {level} | {frames} | {name} | {drawn.mean():.3f} | {made.mean():.3f} | {text} | {len(chosen)} |")
    return "\n".join(rows)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--report", action="store_true", help="print what is recorded, and make nothing")
    parser.add_argument("--fill", action="store_true", help="write the table into docs/analysis.md")
    args = parser.parse_args()
    if not args.report:
        measure(args.seeds, args.records)
    text = table(read_lines(args.records))
    print(text)
    if args.fill:
        fill(PAGE, {"bands": text})


if __name__ == "__main__":
    main()
