"""``slurm/array``, an executor of vstar-sdk: the cells of a sweep as an array of Slurm jobs, by submitit.

This module is imported to validate a spec, so submitit is not imported here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vstar_sdk import ExecutorOptions, Register, hookimpl

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.,:@&|*+-]*$", max_length=200)]
"""What stands in a line of a batch script: nothing that a shell would take for anything else."""


class ArrayOptions(ExecutorOptions):
    """An array of jobs, and what each of them asks for."""

    jobs: int = Field(default=4, ge=1, le=1000)
    """Jobs of the array. The cells are dealt out among them; each job loads the model once."""
    minutes: int = Field(default=240, ge=1, le=60 * 24 * 30)
    """Longest time of a job. One that is ended by it is queued again, and goes on where it was."""
    gpus: int = Field(default=1, ge=0, le=1)
    """GPUs of a job: a run uses one, or none."""
    cpus: int = Field(default=4, ge=1, le=256)
    """Cores of a job."""
    memory_gb: float | None = Field(default=None, gt=0, le=4096)
    """Memory of a job. Default: the cluster's default."""
    partition: Name | None = None
    """Where the jobs run. Default: the cluster's default."""
    account: Name | None = None
    """Whose time it is."""
    qos: Name | None = None
    """Quality of service."""
    constraint: Name | None = None
    """Features of the nodes."""
    attempts: int = Field(default=3, ge=1, le=100)
    """Attempts for a cell whose process dies without progress."""
    cluster: Literal["slurm", "local"] = "slurm"
    """``local`` runs the jobs as processes of this machine, to try a sweep before it is queued."""


@hookimpl
def register_executors(register: Register) -> None:
    """Offer ``slurm/array``."""
    register("array", options=ArrayOptions, factory="vstar_slurm.array:Array", summary="An array of Slurm jobs.")
