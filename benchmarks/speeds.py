"""Whether frames that are told to lie further apart show more motion: ``python -m benchmarks.speeds``.

``longvideo/speed`` multiplies the rotary positions of a model by a factor from 0.5 to 2. Measured is what clips of 16 frames,
told by one prompt, show at each. Of stories: the way that the stage goes (1: all of the story's), and how far the last frame
is from the first. Of pans: the pixels that the camera moves in a frame, to whichever side. A line a clip in
``benchmarks/results/speeds.jsonl`` (what is there is not made again); ``python -m benchmarks.speeds report`` prints the table.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.findings import rank_correlation
from benchmarks.lines import Line, command, read_lines
from vstar_sdk.metrics.intervals import Interval, interval
from vstar_sdk.scoring.conditions import Condition, Setting
from vstar_sdk.scoring.fragments import read_fragment
from vstar_sdk.scoring.stories import Story

RECORDS = Path(__file__).parent / "results" / "speeds.jsonl"
FACTORS = (0.5, 0.71, 1.0, 1.41, 2.0)
STORIES = (Story("landscape", "story"), Story("city", "story"), Story("city", "pan"), Story("beach", "pan"))
FRAMES = 16
SHOWN = {"moved": "way of the stage", "evolution": "last frame from the first", "pan_speed": "pixels a frame of a pan"}


def measure(model: str, seeds: int) -> None:
    """Make what is not recorded yet, seed by seed."""
    from vstar_sdk import Session

    done = {(line["model"], line["story"], line["factor"], line["seed"]) for line in read_lines(RECORDS)}
    setting = Setting(model, FRAMES, one_prompt=True)
    sides = {factor: Condition(read_fragment(told(factor)), setting) for factor in FACTORS}
    with Session() as session, RECORDS.open("a", encoding="utf-8") as file:
        for seed in range(seeds):
            for story in STORIES:
                for factor, side in sides.items():
                    if (model, story.name, factor, seed) in done:
                        continue
                    found = session.run(side.document(story, seed).data | {"output": []}).manifest["metrics"]
                    line = {"model": model, "story": story.name, "factor": factor, "seed": seed}
                    line |= {name: round(abs(found[name]), 5) for name in SHOWN if name in found}
                    print(json.dumps(line), file=file, flush=True)


def told(factor: float) -> list[dict[str, Any]]:
    """What a side is made of: at 1 the plain model, since a regularizer that changes nothing is refused."""
    return [] if factor == 1 else [{"use": "longvideo/speed", "factor": factor}]


def report() -> str:
    """A table for each model that has records."""
    lines: list[str] = []
    for model in dict.fromkeys(line["model"] for line in read_lines(RECORDS)):
        lines += [f"{model}, {FRAMES} frames, one prompt", ""]
        lines += [f"| | {' | '.join(f'{factor:g}' for factor in FACTORS)} | rank correlation with the factor | up to 1 | clips |"]
        lines += ["|---|" + "---:|" * (len(FACTORS) + 3)]
        some = [line for line in read_lines(RECORDS) if line["model"] == model]
        for number, title in SHOWN.items():
            made = shown(some, number)
            if made:
                means = " | ".join(f"{mean:.3f}" for mean in np.mean(made, axis=0))
                whole, slower = (_said(_order(made, count)) for count in (len(FACTORS), FACTORS.index(1.0) + 1))
                lines.append(f"| {title} | {means} | {whole} | {slower} | {len(made)} |")
        lines.append("")
    return "\n".join(lines)


def shown(lines: list[Line], number: str) -> list[list[float]]:
    """A number at every factor, for each story and seed that has them all."""
    found: dict[tuple[str, int], dict[float, float]] = {}
    for line in lines:
        if number in line:
            found.setdefault((line["story"], line["seed"]), {})[line["factor"]] = line[number]
    return [[one[factor] for factor in FACTORS] for one in found.values() if len(one) == len(FACTORS)]


def _order(made: list[list[float]], count: int) -> Interval:
    """How well the first numbers of each story and seed follow the factors."""
    return interval([rank_correlation(np.array([FACTORS[:count], one[:count]]).T) for one in made])


def _said(one: Interval) -> str:
    text = f"{one.mean:+.2f} [{one.low:+.2f}, {one.high:+.2f}]"
    return text if one.holds_zero else f"**{text}**"


def main() -> None:
    """Make clips, and print the tables."""
    command("speeds", __doc__, measure, report, seeds=6)


if __name__ == "__main__":
    main()
