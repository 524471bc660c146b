"""Makes the clips of both sides, through sweeps: what is there already is not made again."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from vstar_sdk.errors import VstarError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.files import read_bounded
from vstar_sdk.runs.belongings import MANIFEST
from vstar_sdk.runs.session import Session
from vstar_sdk.scoring.conditions import Condition
from vstar_sdk.scoring.stories import Story
from vstar_sdk.spec.loading import SpecLoader
from vstar_sdk.sweeps.cells import retry, run_cells
from vstar_sdk.sweeps.index import Sweep
from vstar_sdk.sweeps.status import Failed, state_of

CLIPS = "clips"
"""Where they are, in the folder of a score."""

_log = logging.getLogger(__name__)

_TRIES = 2
"""Clips of a side that may fail before one succeeds."""

_LARGEST = 8 << 20


@dataclass(frozen=True)
class ClipOf:
    """One clip of one side.

    Attributes:
        story: that it tells.
        seed: of it.
        directory: its run directory.
        made: whether it is there.
        numbers: what was measured.
        failed: why there is none; None: there is one, or it is not made yet.
    """

    story: Story
    seed: int
    directory: Path
    made: bool
    numbers: Mapping[str, float]
    failed: str | None = None


def make(
    sides: Sequence[Condition],
    stories: Sequence[Story],
    seeds: int,
    out: Path,
    *,
    report: Callable[[str], object] = _log.info,
) -> None:
    """Make every clip that is not there, seed by seed, story by story, side by side: what is there when it is stopped is paired.

    Args:
        sides: whose clips.
        stories: of each.
        seeds: how many, from 0.
        out: the folder of the score.
        report: told a line after each clip.

    Raises:
        VstarError: a side fails from its first clips on; what was made stays.
        OutputError: a directory cannot be written.
        KeyboardInterrupt: it is to end; the clip under way goes on from its last step next time.
    """
    sweeps = {(side, seed): side.sweep(seed, out / CLIPS) for side in dict.fromkeys(sides) for seed in range(seeds)}
    for sweep in sweeps.values():
        sweep.claim()
        retry(sweep)
    todo = [(side, seed, story) for seed in range(seeds) for story in stories for side in dict.fromkeys(sides)]
    todo = [one for one in todo if not _made(sweeps[one[:2]], one[0].cell(one[2]))]
    succeeded, failures = set[Condition](), dict[Condition, int]()
    with Session() as session:
        loader = SpecLoader()
        for number, (side, seed, story) in enumerate(todo, 1):
            sweep, cell = sweeps[side, seed], side.cell(story)
            run_cells(sweep, [cell], session=session, loader=loader, report=_log.info)
            failed = Failed.read(sweep.path(cell))
            said = "done" if failed is None else f"failed: {failed.message}"
            report(f"{number} of {len(todo)}: {story.name}, seed {seed}, {side.label}: {said}")
            if failed is None:
                succeeded.add(side)
            elif side not in succeeded and not _any_made(side, sweeps, stories):
                failures[side] = failures.get(side, 0) + 1
                if failures[side] >= _TRIES:
                    raise VstarError(
                        f"{side.label} failed on its first {_TRIES} clips: {printable(failed.message)}",
                        hint=failed.hint or f"`vstar run {sweep.path(cell)}/spec.yaml` runs the last one alone",
                    )


def clips_of(side: Condition, stories: Sequence[Story], seeds: int, out: Path) -> Iterator[ClipOf]:
    """The clips of a side, made or failed."""
    for seed in range(seeds):
        sweep = side.sweep(seed, out / CLIPS)
        for story in stories:
            folder = sweep.path(side.cell(story))
            failed = Failed.read(folder)
            made = (folder / MANIFEST).is_file()
            yield ClipOf(story, seed, folder, made, _numbers(folder), failed.message if failed is not None else None)


def _made(sweep: Sweep, cell: str) -> bool:
    return state_of(sweep.path(cell)) == "done"


def _any_made(side: Condition, sweeps: Mapping[tuple[Condition, int], Sweep], stories: Sequence[Story]) -> bool:
    """Whether an earlier score has made some."""
    ours = [sweep for (other, _), sweep in sweeps.items() if other is side]
    return any(_made(sweep, side.cell(story)) for sweep in ours for story in stories)


def _numbers(folder: Path) -> dict[str, float]:
    """What a finished run measured; nothing of another."""
    try:
        data: Any = json.loads(read_bounded(folder / MANIFEST, _LARGEST))
    except (OSError, ValueError):
        return {}
    measured: Any = cast(dict[str, Any], data).get("metrics") if isinstance(data, dict) else None
    found = cast(dict[str, Any], measured) if isinstance(measured, dict) else {}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
