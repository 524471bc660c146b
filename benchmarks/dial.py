"""Whether the speed of a story is what it is told to be: ``python -m benchmarks.dial``.

``longvideo/pacing`` is told that the first half of a way goes ``r`` times as fast as the second, ``r`` from 0.5 to 2, in clips of
the families with three key stages. The speed of a half is the least-squares slope of the depicted stage over its frames, as the
judge reads it. A line a clip in
``benchmarks/results/dial.jsonl`` (what is there is not made again); ``python -m benchmarks.dial report`` prints the table.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.findings import rank_correlation
from benchmarks.lines import command, read_lines
from vstar_sdk.metrics.intervals import Interval, interval
from vstar_sdk.miniworld.grammar import families, key_captions

RECORDS = Path(__file__).parent / "results" / "dial.jsonl"
RATIOS = (0.5, 0.71, 1.0, 1.41, 2.0)
FAMILIES = ("city", "flower", "submarine")
FRAMES = 32


def spec_of(name: str, ratio: float, seed: int, model: str) -> dict[str, Any]:
    """A clip of a family at a ratio of speeds."""
    family = families()[name]
    colour = family.colours[seed % len(family.colours)] if family.colours else ""
    states = [key_captions(family, key, colour)[0] for key in family.keys]
    writer = {"use": "states", "states": states}
    return {
        "prompt": " / ".join(states),
        "synopsis": {"use": "longvideo/pacing", "of": writer, "speeds": [ratio, 1.0]},
        "model": {"use": model, "device": "cpu"},
        "regularizers": [],
        "frames": FRAMES,
        "seed": seed,
        "output": [],
    }


def speeds_shown(stages: NDArray[Any], name: str) -> tuple[float, float]:
    """Of the way to the middle stage, and of the way from it: stages a frame."""
    inside = stages >= families()[name].keys[1].at
    turn = int(np.argmax(inside)) if inside.any() else len(stages)
    turn = min(max(turn, 2), len(stages) - 2)
    halves = stages[: turn + 1], stages[turn:]
    first, second = (float(np.polyfit(np.arange(len(half)), half, 1)[0]) for half in halves)
    return first, second


def records() -> list[dict[str, Any]]:
    """What was measured."""
    return read_lines(RECORDS)


def measure(model: str, seeds: int) -> None:
    """Make what is not recorded yet, seed by seed."""
    from vstar_sdk import Session
    from vstar_sdk.miniworld.judge import judge

    done = {(record["model"], record["family"], record["ratio"], record["seed"]) for record in records()}
    with Session() as session, open(RECORDS, "a", encoding="utf-8") as file:
        for seed in range(seeds):
            for name in FAMILIES:
                for ratio in RATIOS:
                    if (model, name, ratio, seed) in done:
                        continue
                    frames = np.stack(list(session.run(spec_of(name, ratio, seed, model)).frames()))
                    first, second = speeds_shown(judge().stages(frames, name), name)
                    line = {"model": model, "family": name, "ratio": ratio, "seed": seed}
                    shown = {"first": round(first, 5), "second": round(second, 5)}
                    print(json.dumps(line | shown), file=file, flush=True)


def ratio_shown(record: dict[str, Any]) -> float:
    """The logarithm, of base 2, by which the first half is faster; a half that stands still counts as a thousandth a frame."""
    first, second = (max(record[half], 1e-3) for half in ("first", "second"))
    return float(np.log2(first / second))


def report() -> str:
    """The tables of all models that have records."""
    lines: list[str] = []
    for model in dict.fromkeys(record["model"] for record in records()):
        some = [record for record in records() if record["model"] == model]
        lines += [f"{model}, {FRAMES} frames", "", "| told | shown (median) | mean of log2 | clips |", "|---:|---:|---:|---:|"]
        for ratio in RATIOS:
            found = [ratio_shown(record) for record in some if record["ratio"] == ratio]
            if found:
                lines.append(f"| {ratio:g} | {2 ** float(np.median(found)):.2f} | {_said(interval(found))} | {len(found)} |")
        orders: list[float] = []
        for key in dict.fromkeys((record["family"], record["seed"]) for record in some):
            mine = {record["ratio"]: ratio_shown(record) for record in some if (record["family"], record["seed"]) == key}
            if set(mine) == set(RATIOS):
                orders.append(rank_correlation(np.array([RATIOS, [mine[ratio] for ratio in RATIOS]]).T))
        if orders:
            lines += ["", f"Rank correlation of told and shown, by story and seed: {_said(interval(orders))}.", ""]
    return "\n".join(lines)


def _said(one: Interval) -> str:
    return f"{one.mean:+.2f} [{one.low:+.2f}, {one.high:+.2f}]"


def main() -> None:
    """Make clips, and print the tables."""
    command("dial", __doc__, measure, report, seeds=3)


if __name__ == "__main__":
    main()
