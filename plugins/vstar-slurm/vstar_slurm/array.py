"""Rounds of array jobs: what is left after one, because jobs died, is the next one's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import submitit  # pyright: ignore[reportMissingTypeStubs]
from submitit.core.utils import FailedJobError  # pyright: ignore[reportMissingTypeStubs]

from vstar_sdk import VstarError, sweep_status
from vstar_slurm import ArrayOptions
from vstar_slurm.task import Task

FOLDER = "slurm"
"""In a sweep directory: scripts, logs and results of the jobs."""

_PATIENCE = {"slurm": 10.0, "local": 0.2}
"""Seconds between two looks at the jobs."""

_TAIL = 400
"""Letters of what a job said last, in an error."""


class Array:
    """A `vstar_sdk.Executor`.

    Args:
        options: validated.
    """

    def __init__(self, options: ArrayOptions) -> None:
        self._options = options

    def run(self, sweep: Path, cells: Sequence[str]) -> None:
        """See `vstar_sdk.Executor.run`."""
        left, idle, last = list(cells), 0, None
        while left:
            jobs = self._submit(sweep, left)
            self._wait(jobs)
            status = sweep_status(sweep)
            wanted = set(cells)
            left = [cell for cell in status.left if cell in wanted and status.states[cell] != "running"]
            idle, last = (idle + 1 if status.states == last else 0), status.states
            if idle > self._options.attempts:
                raise VstarError(
                    f"the jobs of the sweep end without running a cell; the last output of one: {_last_output(jobs)}",
                    hint=f"see {sweep / FOLDER}",
                )

    def _submit(self, sweep: Path, cells: Sequence[str]) -> list[Any]:
        """Deal the cells out: jobs on different nodes may not see each other's locks, so no cell is given to two of them.

        Raises:
            VstarError: the cluster does not take the jobs.
        """
        options, number = self._options, min(self._options.jobs, len(cells))
        executor: Any = submitit.AutoExecutor(folder=sweep / FOLDER / "%j", cluster=options.cluster)
        executor.update_parameters(
            name=f"vstar-{sweep.name}"[:60],
            timeout_min=options.minutes,
            gpus_per_node=options.gpus,
            cpus_per_task=options.cpus,
            **({"mem_gb": options.memory_gb} if options.memory_gb is not None else {}),
        )
        if options.cluster == "slurm":
            named = {name: getattr(options, name) for name in ("partition", "account", "qos", "constraint")}
            chosen = {f"slurm_{name}": value for name, value in named.items() if value is not None}
            executor.update_parameters(slurm_array_parallelism=number, **chosen)
        try:
            with executor.batch():
                return [executor.submit(Task(), str(sweep), cells[slot::number], options.attempts) for slot in range(number)]
        except FailedJobError as error:
            words = " ".join(str(error).split())[-_TAIL:]
            raise VstarError(f"the cluster rejects the jobs: {words}", hint="check the options of the executor") from None

    def _wait(self, jobs: Sequence[Any]) -> None:
        """Until all have ended, well or not."""
        try:
            while not all(job.done() for job in jobs):
                time.sleep(_PATIENCE[self._options.cluster])
        except BaseException:
            for job in jobs:
                with suppress(Exception):  # it has ended meanwhile
                    job.cancel()
            raise


def _last_output(jobs: Sequence[Any]) -> str:
    """What one of the jobs said last."""
    for job in jobs:
        with suppress(Exception):
            if text := (job.stderr() or "").strip():
                return " ".join(text[-_TAIL:].split())
    return "nothing"
