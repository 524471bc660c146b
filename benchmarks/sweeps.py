"""What a sweep costs: its index, its status, and its cells next to the same runs in one session. ``python -m benchmarks.sweeps``

The cells are short runs of the embedded model, so that whatever the sweep adds to a run weighs as much as it ever will. Both ways
take turns in this process, each loading the model once; by hand each run is given its spec as a mapping, as people write it, and
then as a validated spec, which leaves out what a sweep does once for all. Processor time is next to wall time: other work on the
machine moves it less.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vstar_sdk import Session, load_spec, run_cells
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.loading import SpecLoader
from vstar_sdk.sweeps.cells import Outcome
from vstar_sdk.sweeps.index import Sweep
from vstar_sdk.sweeps.planning import plan_sweep
from vstar_sdk.sweeps.status import Failed, SweepStatus

STORY = {"prompt": "a landscape from winter to autumn", "frames": 16, "sampling": {"steps": 4}, "output": [{"use": "mp4"}]}
MANY = {"seed": {"from": 0, "to": 999}, "sampling.steps": [10, 15, 20, 25, 50], "sampling.guidance": [5.0, 7.5]}


def timed(work: Callable[[], object]) -> float:
    """Seconds that a function takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def index(folder: Path) -> None:
    """10,000 cells: planned, written, read, and looked at."""
    document = Document({**STORY, "sweep": MANY})
    plan_sweep(Document({**STORY, "sweep": {"seed": [1]}}), folder)  # what is imported and composed once
    plans = [timed(lambda: plan_sweep(document, folder)) for _ in range(3)]
    sweep = plan_sweep(document, folder).sweep
    print(f"| {len(sweep.cells):,} cells validated | {statistics.median(plans):.2f} s |")
    print(f"| their index written | {timed(sweep.claim):.2f} s |")
    print(f"| status, nothing done | {timed(lambda: SweepStatus.of(Sweep.read(folder))):.2f} s |")
    for number, cell in enumerate(sweep.cells):
        inside = sweep.path(cell)
        inside.mkdir(parents=True)
        if number % 10 == 0:
            Failed("ModelError", "there is not enough memory", "make the video smaller", 1).write(inside)
        elif number % 10 == 1:
            (inside / "state").mkdir()
        else:
            for name in ("manifest.json", "spec.yaml", "synopsis.json", "video.mp4"):
                (inside / name).write_bytes(b"{}")
    looks = [timed(lambda: SweepStatus.of(Sweep.read(folder)).json()) for _ in range(5)]
    print(f"| status, 8,000 done, 1,000 failed, 1,000 interrupted | {statistics.median(looks):.2f} s |")


def throughput(folder: Path, cells: int, rounds: int) -> None:
    """The same runs by hand and as cells, in turns, whole processes of work but for the loading of the model."""
    ways_timed = ("by hand, from mappings", "by hand, from validated specs", "a sweep")
    walls: dict[str, list[float]] = {way: [] for way in ways_timed}
    processors: dict[str, list[float]] = {way: [] for way in ways_timed}
    for number in range(rounds):
        seeds = list(range(cells))
        sweep = plan_sweep(Document({**STORY, "sweep": {"seed": seeds}}), folder / f"sweep-{number}").sweep
        sweep.claim()
        loader = SpecLoader()
        loaded = [loader.load(sweep.document(cell)) for cell in sweep.cells]
        load_spec(STORY)

        def by_hand(specs: object, name: str, number: int = number) -> Callable[[], None]:
            def work() -> None:
                with Session() as session:
                    for seed, spec in enumerate(specs):  # pyright: ignore[reportArgumentType]
                        session.run(spec, out=folder / f"{name}-{number}-{seed}")

            return work

        ways: dict[str, Callable[[], object]] = {
            "by hand, from mappings": by_hand([{**STORY, "seed": seed} for seed in seeds], "mapping"),
            "by hand, from validated specs": by_hand(loaded, "validated"),
            "a sweep": lambda sweep=sweep: _done(run_cells(sweep.directory), cells),
        }
        order = list(ways)[number % 3 :] + list(ways)[: number % 3]
        for way in order:
            began = time.process_time()
            wall = timed(ways[way])
            if number:  # the first round warms everything up
                walls[way].append(wall / cells)
                processors[way].append((time.process_time() - began) / cells)
    print(f"\n| {cells} runs of 16 frames and 4 steps | s a run | throughput of the sweep | processor s | by processor time |")
    print("|---|---:|---:|---:|---:|")
    for way in ways_timed:
        wall, processor = statistics.median(walls[way]), statistics.median(processors[way])
        print(f"| {way} | {wall:.3f} | {_share(walls, way):.3f} | {processor:.3f} | {_share(processors, way):.3f} |")


def _share(times: Mapping[str, Sequence[float]], way: str) -> float:
    """The throughput of the sweep as a part of another's: the median over rounds."""
    return statistics.median(other / sweep for other, sweep in zip(times[way], times["a sweep"], strict=True))


def _done(outcome: Outcome, cells: int) -> None:
    assert outcome == Outcome(done=cells), outcome


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweeps", description=__doc__)
    parser.add_argument("--cells", type=int, default=12, help="runs of each way in a round")
    parser.add_argument("--rounds", type=int, default=6, help="the first of them is not counted")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print("| 10,000 cells | median |\n|---|---|")
        index(Path(folder) / "many")
        throughput(Path(folder), given.cells, given.rounds)


if __name__ == "__main__":
    main()
