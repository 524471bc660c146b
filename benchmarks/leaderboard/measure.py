"""Makes the clips that have no record, and appends their records."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.leaderboard.entries import Entry
from benchmarks.leaderboard.lengths import LENGTHS
from benchmarks.leaderboard.records import NAMES, RECORDS, Record, file_of, fingerprint, read, write
from vstar_sdk import Session, SpecError, VstarError
from vstar_sdk.scoring.conditions import Condition
from vstar_sdk.scoring.stories import Story

DIGITS = 6
"""Of the numbers in a record."""


@dataclass(frozen=True)
class Side:
    """An entry on a model at a length, and the digits of its spec."""

    entry: Entry
    condition: Condition
    spec: str

    def record(self, **more: Any) -> Record:
        """A record of it."""
        setting = self.condition.setting
        about = {"entry": self.entry.name, "against": self.entry.against, "model": setting.model, "frames": setting.frames}
        return about | more | {"spec": self.spec}


def measure(entries: Sequence[Entry], models: Sequence[str], frames: Sequence[int], folder: Path = RECORDS) -> None:
    """Do what is not recorded yet: length by length, seed by seed, entry by entry.

    Args:
        entries: of the leaderboard.
        models: as in ``use``.
        frames: of `LENGTHS`, which says what is told.
        folder: of the records.
    """
    with Session() as session:
        for count in frames:
            for model in models:
                path = file_of(folder, model, count)
                sides = list(_able(entries, model, count, path))
                done = {_key(record) for record in read(path)}
                begun = {key[:2] for key in done}
                todo = [one for one in _clips(sides, count) if (one[0].entry.name, one[0].spec, *_place(*one[1:])) not in done]
                refused = set[str]()
                for number, (side, story, seed) in enumerate(todo, 1):
                    if side.entry.name in refused:
                        continue
                    began = time.perf_counter()
                    try:
                        numbers = clip_numbers(session, side.condition, story, seed)
                    except VstarError as error:
                        print(f"{side.entry.name}: {story.name}, seed {seed}: FAILED: {error}", flush=True)
                        if (side.entry.name, side.spec) not in begun:  # its first clip: the others would fail alike
                            write(path, side.record(refused=str(error)))
                            refused.add(side.entry.name)
                        continue
                    begun.add((side.entry.name, side.spec))
                    seconds = round(time.perf_counter() - began, 1)
                    write(path, side.record(family=story.family, kind=story.kind, seed=seed, **numbers, seconds=seconds))
                    print(
                        f"{number}/{len(todo)} {model} {count}: {side.entry.name}: {story.name}, {seed}: {seconds} s", flush=True
                    )


def clip_numbers(session: Session, condition: Condition, story: Story, seed: int) -> dict[str, float]:
    """Make one clip, in memory, and measure it.

    Raises:
        VstarError: it failed.
    """
    spec = condition.document(story, seed).data | {"output": []}
    found: dict[str, float] = session.run(spec).manifest["metrics"]
    return {name: round(found[name], DIGITS) for name in NAMES if name in found}


def _able(entries: Sequence[Entry], model: str, frames: int, path: Path) -> Iterator[Side]:
    """The entries that run; of the others the reason is recorded, once. One that was refused while it ran is not tried again."""
    stories, known = LENGTHS[frames].stories, {_key(record) for record in read(path)}
    for entry in entries:
        side = Side(entry, condition := entry.condition(model, frames), fingerprint(condition))
        if (entry.name, side.spec, None, None, None) in known:
            continue
        try:
            condition.check(stories)
        except SpecError as error:
            write(path, side.record(refused=error.message.partition(": ")[2]))
        else:
            yield side


def _clips(sides: Sequence[Side], frames: int) -> Iterator[tuple[Side, Story, int]]:
    for seed in range(LENGTHS[frames].seeds):
        for side in sides:
            for story in LENGTHS[frames].stories:
                yield side, story, seed


def _place(story: Story, seed: int) -> tuple[str, str, int]:
    return story.family, story.kind, seed


def _key(record: Record) -> tuple[Any, ...]:
    return record["entry"], record["spec"], record.get("family"), record.get("kind"), record.get("seed")
