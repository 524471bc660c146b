"""The parts that denoise: the spec's, and the model's own where the spec is silent. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from vstar_sdk.errors import SpecError
from vstar_sdk.models.contract import Facts
from vstar_sdk.sampling.contract import SchedulerSource
from vstar_sdk.spec.loading import LoadedSpec


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The parts that denoise.

    Attributes:
        scheduler: what makes the scheduler for the model.
        scheduler_name: what a spec calls it.
    """

    scheduler: SchedulerSource
    scheduler_name: str


def engine_of(loaded: LoadedSpec, facts: Facts) -> Engine:
    """Make the parts that denoise.

    Args:
        loaded: the spec.
        facts: of the model, which has defaults of its own.

    Raises:
        SpecError: the model's default names no part, or an option cannot be used; with its path in the spec.
        PluginError: a part is broken.
    """
    catalog, sampling = loaded.catalog, loaded.spec.sampling
    scheduler = facts.scheduler if sampling.scheduler is None else sampling.scheduler
    try:
        part, options = catalog.chosen("schedulers", scheduler)
    except SpecError as error:
        raise error.under("sampling", "scheduler") from None
    name = scheduler if isinstance(scheduler, str) else getattr(options, "name", part.name)
    return Engine(scheduler=catalog.make("schedulers", scheduler), scheduler_name=name)
