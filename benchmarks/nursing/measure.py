"""Makes the clips and writes their numbers, one line of JSON a run; what is there already is not made again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.nursing.conditions import Run, runs
from benchmarks.nursing.maps import map_numbers
from benchmarks.nursing.metrics import pan_numbers, picture_numbers
from vstar_sdk import Session
from vstar_sdk.miniworld.colouring import colour_shown
from vstar_sdk.miniworld.judge import judge
from vstar_sdk.miniworld.telling import story_numbers

STRIP = 8
"""Frames that are kept of the clips of the first seed, for the pictures."""


def key_of(record: dict[str, Any]) -> tuple[Any, ...]:
    """What tells a record from all others."""
    return tuple(record[name] for name in ("kind", "family", "variant", "frames", "seed"))


def read_records(folder: Path) -> list[dict[str, Any]]:
    """All records that there are; a line that a stop has cut is passed over."""
    records: dict[tuple[Any, ...], dict[str, Any]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            records[key_of(record)] = record
    return list(records.values())


def measure(folder: Path, seeds: int, pan_seeds: int, shard: int, shards: int) -> None:
    """Do every run of this shard that is not recorded yet."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    done = {key_of(record) for record in read_records(folder)}
    todo = [run for place, run in enumerate(runs(seeds, pan_seeds)) if place % shards == shard and run.key not in done]
    with Session() as session, open(folder / f"{shard}.jsonl", "a", encoding="utf-8") as file:
        for place, run in enumerate(todo, 1):
            record = one(session, run, folder)
            file.write(json.dumps(record) + "\n")
            file.flush()
            print(f"{place}/{len(todo)} {' '.join(map(str, run.key))}: {record['seconds']} s", flush=True)


def one(session: Session, run: Run, folder: Path) -> dict[str, Any]:
    """Make one clip and measure it."""
    spec, began = run.spec(), time.perf_counter()
    result = session.run(spec)
    frames = np.stack(list(result.frames()))
    seconds = time.perf_counter() - began
    numbers = picture_numbers(frames) | map_numbers(result, spec)
    if run.kind == "story":
        numbers |= story_numbers(judge().read(frames), run.reading)
        if run.colour:
            numbers["colour"] = float(colour_shown(frames, run.family) == run.colour)
    else:
        numbers |= pan_numbers(frames, run.reading.camera)
    if run.seed == 0:
        kept = frames[np.linspace(0, len(frames) - 1, STRIP).round().astype(int)]
        np.save(folder / f"{run.kind}-{run.family}-{run.variant.replace(' ', '')}-{run.frames}.npy", kept)
    rounded = {name: round(value, 5) for name, value in numbers.items()}
    return (
        dict(zip(("kind", "family", "variant", "frames", "seed"), run.key, strict=True))
        | rounded
        | {"seconds": round(seconds, 2)}
    )
