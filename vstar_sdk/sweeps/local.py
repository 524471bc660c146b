"""``local``: the executor of one machine, with as many processes as it has GPUs. Only its options; no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vstar_sdk.options import ExecutorOptions, Number
from vstar_sdk.parts import Register, hookimpl


class LocalOptions(ExecutorOptions):
    """Processes on this machine."""

    workers: Annotated[int | None, Number] = Field(default=None, ge=1, le=256)
    """Parallel processes, each with its own model in memory. Default: one for each device, or one."""
    devices: list[str] | None = Field(default=None, min_length=1, max_length=64, examples=[["0", "1"]])
    """GPUs as CUDA_VISIBLE_DEVICES names them; each process is given one of them in turn. Default: all that are visible."""
    attempts: Annotated[int, Number] = Field(default=3, ge=1, le=100)
    """Attempts for a cell whose process dies without progress."""


@hookimpl
def register_executors(register: Register) -> None:
    """Offer the executor."""
    register(
        "local", options=LocalOptions, factory="vstar_sdk.sweeps.processes:Local", summary="Processes on this machine, one a GPU."
    )
