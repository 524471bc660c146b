"""What an executor promises."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Executor(Protocol):
    """Has the cells of a sweep done, in whatever processes and on whatever machines. Made by a part of the kind ``executors``.

    All that its processes need is the sweep directory, which they must all see, and one public function::

        vstar_sdk.run_cells(sweep, cells)

    It does cells one after the other with one warm session. Any number of processes may be given the same cells: each is done
    once, and what a process that died left is taken up by the next one. So an executor may deal cells out or not, and start
    what died again.
    """

    def run(self, sweep: Path, cells: Sequence[str]) -> None:
        """Have cells done, and come back when its processes have ended.

        A cell that fails is not an error of the executor: it is written down in the cell's directory.

        Args:
            sweep: the sweep directory.
            cells: their ids, in the order of the index; those that are done already are passed over by `vstar_sdk.run_cells`.

        Raises:
            VstarError: its processes cannot be started, or die without getting anywhere.
            KeyboardInterrupt: it is to end; its processes are ended first, and the sweep can go on later.
        """
        ...
