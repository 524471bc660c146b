"""What a job does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import submitit  # pyright: ignore[reportMissingTypeStubs]

from vstar_sdk import run_cells


class Task:
    """Does cells; queued again where the time of the job is up or another job takes its place."""

    def __call__(self, sweep: str, cells: Sequence[str], attempts: int) -> None:
        """See `vstar_sdk.run_cells`."""
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        run_cells(sweep, cells, attempts=attempts, report=_report)

    def checkpoint(self, sweep: str, cells: Sequence[str], attempts: int) -> Any:
        """For submitit: the same again; what is done is passed over, and what was interrupted goes on."""
        return submitit.helpers.DelayedSubmission(Task(), sweep, cells, attempts)


def _report(line: str) -> None:
    print(line, flush=True)  # noqa: T201  (submitit keeps it as the log of the job)
