"""What runs on the cluster: a desk that gives each cell out once, and workers that ask it for the next one."""

# pyright: standard
from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import ray

from vstar_sdk import run_cells

_remote: Any = ray.remote  # typed for one form of its arguments
_get: Any = ray.get


@_remote(num_cpus=0)
class Desk:
    """Gives cells out, each to one worker: machines of a cluster may not see each other's locks."""

    def __init__(self, cells: Sequence[str]) -> None:
        self._left = deque(cells)
        self._given = 0
        self._known: set[int] = set()

    def next(self, worker: int) -> str | None:
        """The next cell, or None where there is no more."""
        self._known.add(worker)
        if not self._left:
            return None
        self._given += 1
        return self._left.popleft()

    def status(self) -> tuple[int, int, set[int]]:
        """How many cells were given out, how many are left, and which workers have asked."""
        return self._given, len(self._left), self._known


@_remote(max_concurrency=2, max_restarts=0)
class Worker:
    """Does cells with one warm session, until the desk has no more."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._end = threading.Event()

    def work(self, sweep: str, desk: Any, attempts: int) -> None:
        """See `vstar_sdk.run_cells`; the model stays loaded from cell to cell."""
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        run_cells(sweep, self._cells(desk), attempts=attempts, ended=self._end.is_set)

    def end(self) -> None:
        """Have it end at its next step."""
        self._end.set()

    def _cells(self, desk: Any) -> Iterator[str]:
        while not self._end.is_set() and (cell := _get(desk.next.remote(self._number))) is not None:
            yield cell
