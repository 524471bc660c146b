"""``ray/actors``, an executor of vstar-sdk: the cells of a sweep on actors of Ray, each with its own model in memory.

This module is imported to validate a spec, so Ray is not imported here.
"""

from __future__ import annotations

from pydantic import Field

from vstar_sdk import ExecutorOptions, Register, hookimpl
from vstar_sdk.options import Address


class ActorsOptions(ExecutorOptions):
    """Actors, and what each of them asks for."""

    address: Address | None = Field(default=None, min_length=1, max_length=1000, examples=["ray://head:10001", "10.0.0.1:6379"])
    """Of a cluster, or `auto` for the one that runs on this machine. Left out: a cluster on this machine for this sweep alone."""
    workers: int = Field(default=2, ge=1, le=1000)
    """Actors beside each other; each loads the model once. Those that the cluster has no room for are waited for by none."""
    gpus: float | None = Field(default=None, ge=0, le=1)
    """GPUs of an actor; a share lets several use one. Left out: 1 where the cluster has GPUs, else 0."""
    cpus: int = Field(default=1, ge=0, le=256)
    """Cores of an actor."""
    attempts: int = Field(default=3, ge=1, le=100)
    """How often a cell is begun whose process dies each time before the cell comes further."""


@hookimpl
def register_executors(register: Register) -> None:
    """Offer ``ray/actors``."""
    register("actors", options=ActorsOptions, factory="vstar_ray.actors:Actors", summary="Actors of a Ray cluster.")
