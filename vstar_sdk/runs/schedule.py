"""The schedule of a run, before a model is loaded."""

from __future__ import annotations

from vstar_sdk.errors import SpecError
from vstar_sdk.runs.plan import Plan
from vstar_sdk.sampling.schedulers import timesteps_of


def evaluations(plan: Plan) -> int:
    """How often a run will evaluate its denoiser: more than ``steps`` for a scheduler of second order.

    Args:
        plan: of the run; where its model says nothing of schedulers before it is loaded, nothing is checked.

    Raises:
        SpecError: the scheduler does not fit the model, or cannot take so few or so many steps; with its place in the spec.
        MissingDependency: the scheduler needs another package.
    """
    numbers, config = plan.settings, plan.facts.scheduler_config
    if not config:
        return plan.engine.sampler.steps(numbers.steps)
    try:
        schedule = len(timesteps_of(plan.engine.scheduler.make(config), numbers.steps, "cpu"))
    except SpecError as error:
        raise plan.loaded.error(error.under("sampling")) from None
    return plan.engine.sampler.steps(schedule)
