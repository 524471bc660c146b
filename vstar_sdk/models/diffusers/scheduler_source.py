"""Scheduler classes of diffusers as parts. No torch until one is made."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import Field

from vstar_sdk.models.diffusers.scheduler_classes import KNOWN, Known, step_parameters
from vstar_sdk.options import Options
from vstar_sdk.parts import Register


class SchedulerOptions(Options):
    """A scheduler class of diffusers."""

    config: dict[str, bool | int | float | str] = Field(
        default_factory=dict, max_length=32, examples=[{"timestep_spacing": "trailing"}]
    )
    """Settings of the class in diffusers; they override the model's own."""


class DiffusersScheduler:
    """A `vstar_sdk.SchedulerSource` for a class of diffusers.

    Args:
        name: as in the spec, for messages.
        known: the class.
        config: see `SchedulerOptions`.
    """

    def __init__(self, name: str, known: Known, config: Mapping[str, Any] | None = None) -> None:
        self._name, self._known, self._config = name, known, config or {}

    @property
    def takes_eta(self) -> bool:
        """Whether the steps take eta; needs torch only for a class without a short name."""
        if self._name in KNOWN:
            return self._known.eta
        from vstar_sdk.models.diffusers.scheduler_fitting import find

        return "eta" in step_parameters(find(self._known.kind))

    def make(self, config: Mapping[str, Any]) -> Any:
        """See `vstar_sdk.SchedulerSource.make`."""
        from vstar_sdk.models.diffusers.scheduler_fitting import fitted

        return fitted(self._name, self._known, config, self._config)


def offer(register: Register, schedulers: Mapping[str, Known]) -> None:
    """Offer scheduler classes; an unsuitable one is an error that lists them.

    Args:
        register: what ``register_schedulers`` was given.
        schedulers: the classes by their short names.
    """
    KNOWN.update(schedulers)
    for name, known in schedulers.items():
        register(name, options=SchedulerOptions, factory=partial(_source, name, known), summary=known.summary)


def _source(name: str, known: Known, options: SchedulerOptions) -> DiffusersScheduler:
    return DiffusersScheduler(name, known, options.config)
