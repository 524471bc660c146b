"""What previews of every step cost, beside the same runs without, in turn in one process.

``python -m benchmarks.previews [--threads N] [--rounds N] [--frames ...]``. A model's first run fits the map from latents to
colours, from three decoded frames, twice; later runs of its session have it. *Look* is to turn the latents of a step into
pictures. All are shares of what the sampler takes without previews. Steps of the kit's tiny models take milliseconds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vstar_sdk import Session, events
from vstar_sdk.testing.tiny_factorised import write_factorised
from vstar_sdk.testing.tiny_joint import write_joint

STEPS = 25


def sampling(session: Session, spec: Mapping[str, Any], *, previews: bool) -> tuple[float, float]:
    """Seconds of the sampler, and seconds to look at the last preview.

    Args:
        session: whose models are warm.
        spec: of the run.
        previews: whether each step has one.
    """
    job = session.start(dict(spec), previews=previews)
    look = 0.0
    seconds = 0.0
    for event in job.events():
        if isinstance(event, events.Step):
            seconds = event.seconds
            if event.preview is not None:
                began = time.perf_counter()
                event.preview.frames()
                look = time.perf_counter() - began
    return seconds, look


def measure(spec: Mapping[str, Any], rounds: int) -> tuple[float, float, float, float]:
    """Median seconds without previews, what they add in the first run and in later ones, and what looking at one costs.

    Args:
        spec: of the run.
        rounds: of later ones.
    """
    plain: list[float] = []
    shown: list[float] = []
    looks: list[float] = []
    with Session() as session:
        sampling(session, spec, previews=False)
        for _ in range(rounds + 1):
            plain.append(sampling(session, spec, previews=False)[0])
            seconds, look = sampling(session, spec, previews=True)
            shown.append(seconds)
            looks.append(look)
    added = statistics.median(after - before for before, after in zip(plain[1:], shown[1:], strict=True))
    return statistics.median(plain[1:]), shown[0] - plain[0], added, statistics.median(looks[1:])


def specs(frames: list[int], folder: Path) -> dict[str, dict[str, Any]]:
    """The runs, by name."""
    write_factorised(folder / "factorised")
    write_joint(folder / "joint")
    common = {"seed": 1, "sampling": {"steps": STEPS}}
    found: dict[str, dict[str, Any]] = {
        f"miniworld, {count} frames": {**common, "prompt": "a landscape from winter to autumn", "frames": count}
        for count in frames
    }
    tiny = {**common, "synopsis": {"states": ["a field"]}, "regularizers": []}
    found["tiny UNet"] = {**tiny, "model": {"use": "modelscope", "path": str(folder / "factorised")}, "frames": 8}
    found["tiny Wan"] = {**tiny, "model": {"use": "wan", "path": str(folder / "joint")}, "frames": 9, "size": "32x32"}
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, nargs="+", default=[16, 64])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{STEPS} steps, {arguments.threads} thread(s); medians of {arguments.rounds} pairs of runs\n")
    print(
        "| run | a step, ms | the first run with previews | later runs | to look at one, of a step |\n|---|---:|---:|---:|---:|"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, spec in specs(arguments.frames, Path(folder)).items():
            seconds, first, later, look = measure(spec, arguments.rounds)
            step = seconds / STEPS
            shares = (first / seconds, later / seconds, look / step)
            print(f"| {name} | {1000 * step:.1f} | {' | '.join(f'{100 * share:+.1f} %' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main()
