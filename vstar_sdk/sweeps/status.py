"""How a sweep stands, read from the directories of its cells alone: from any process, at any time."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vstar_sdk.errors import ExpectationError
from vstar_sdk.output.locks import held
from vstar_sdk.output.whole import write_whole
from vstar_sdk.reading.files import read_bounded
from vstar_sdk.runs.belongings import MANIFEST, STATE
from vstar_sdk.runs.journal import JOURNAL
from vstar_sdk.spec.expectations import complaint
from vstar_sdk.sweeps.claims import CLAIM
from vstar_sdk.sweeps.index import CELLS, Cell, Sweep

ERROR = "error.json"
"""In the directory of a cell that failed."""

CellState = Literal["waiting", "running", "interrupted", "done", "failed"]
STATES: tuple[CellState, ...] = ("waiting", "running", "interrupted", "done", "failed")

_LARGEST = 1 << 20


@dataclass(frozen=True)
class Failed:
    """Why a cell failed.

    Attributes:
        type: of the error.
        message: what went wrong.
        hint: what to do, or None.
        attempts: how often it was begun.
        again: whether the next attempt begins from scratch: what the last one left cannot be used.
    """

    type: str
    message: str
    hint: str | None
    attempts: int
    anew: bool = False

    @property
    def unexpected(self) -> bool:
        """Whether its video is made, and not as its spec expects."""
        return self.type == ExpectationError.__name__

    def write(self, folder: Path) -> None:
        """Write it to the directory of a cell.

        Raises:
            OSError: the disk refuses.
        """
        text = json.dumps(vars(self), ensure_ascii=False, indent=2, default=str)
        write_whole(folder / ERROR, text.encode("utf-8", "backslashreplace") + b"\n")

    @classmethod
    def read(cls, folder: Path) -> Failed | None:
        """Why a cell failed, or None if it did not."""
        try:
            data: dict[str, Any] = json.loads(read_bounded(folder / ERROR, _LARGEST))
            return cls(**data)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            return cls("unknown", f"{ERROR} cannot be read: {error}", None, 0)


@dataclass(frozen=True)
class SweepStatus:
    """A sweep at one moment.

    Attributes:
        sweep: its index.
        states: of every cell, by id, in the order of the index.
    """

    sweep: Sweep
    states: Mapping[str, CellState]

    @classmethod
    def of(cls, sweep: Sweep) -> SweepStatus:
        """Read the directories of the cells."""
        there = _listed(sweep.directory / CELLS)
        return cls(sweep, {cell.id: state_of(sweep.path(cell)) if cell.id in there else "waiting" for cell in sweep.cells})

    @property
    def counts(self) -> dict[CellState, int]:
        """How many cells are in each state."""
        counted = Counter(self.states.values())
        return {state: counted[state] for state in STATES}

    @property
    def over(self) -> bool:
        """Whether every cell is done or has failed."""
        return not self.left

    @property
    def left(self) -> list[str]:
        """The ids of the cells that are neither done nor failed."""
        return [cell for cell, state in self.states.items() if state not in ("done", "failed")]

    def cells(self, state: CellState) -> Iterator[Cell]:
        """The cells in a state."""
        return (cell for cell in self.sweep.cells if self.states[cell.id] == state)

    def failures(self) -> Iterator[tuple[Cell, Failed]]:
        """The cells that failed, and why."""
        for cell in self.cells("failed"):
            if (failed := Failed.read(self.sweep.path(cell))) is not None:
                yield cell, failed

    def json(self) -> dict[str, Any]:
        """As JSON data: ``directory``, ``cells``, ``counts``, ``over``, ``running`` and ``failed``."""
        return {
            "directory": str(self.sweep.directory),
            "cells": len(self.states),
            "counts": self.counts,
            "over": self.over,
            "running": [cell.id for cell in self.cells("running")],
            "failed": [{"id": cell.id, "title": cell.title, **vars(failed)} for cell, failed in self.failures()],
        }


def sweep_status(sweep: str | Path) -> SweepStatus:
    """How a sweep stands.

    Args:
        sweep: the sweep directory.

    Raises:
        OutputError: there is none, or its index cannot be read.
    """
    return SweepStatus.of(Sweep.read(sweep))


def unexpected(folder: Path) -> str | None:
    """Why the finished video of a cell is not as its spec expects, or None if it is."""
    try:
        verdicts: list[dict[str, Any]] = json.loads(read_bounded(folder / MANIFEST, _LARGEST))["expect"]
        return complaint(verdicts)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def state_of(folder: Path) -> CellState:
    """The state of a cell, from its directory alone.

    One whose video is not as expected has failed, also where its process died before it could say so; only where something else
    than a finished run is there, the manifest is read.
    """
    names = _listed(folder)
    if MANIFEST in names:
        return "failed" if not names.isdisjoint((ERROR, CLAIM)) and unexpected(folder) else "done"
    if ERROR in names:
        return "failed"
    if CLAIM not in names and STATE not in names:
        return "waiting"
    return "running" if held(folder / CLAIM) or held(folder / JOURNAL) else "interrupted"


def _listed(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return set()
