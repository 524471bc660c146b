"""The schedule of a run, before a model is loaded."""

from __future__ import annotations

from importlib.metadata import version

from vstar_sdk.caches import remembered
from vstar_sdk.errors import SpecError
from vstar_sdk.options import Options
from vstar_sdk.runs.caching import check_evaluations
from vstar_sdk.runs.plan import Plan


def evaluations(plan: Plan) -> int:
    """How many steps a run will take: more than ``steps`` for a scheduler of second order, or a sampler of several turns.

    The scheduler is built to find out, and the answer is remembered: torch is imported only for a schedule that is new here.

    Args:
        plan: of the run; where its model says nothing of schedulers before it is loaded, nothing is checked.

    Raises:
        SpecError: the scheduler does not fit the model or its cache, or cannot take so few or so many steps; with its place in
            the spec.
        MissingDependency: the scheduler needs another package.
        PluginError: scheduler or sampler are of a plugin that is broken.
    """
    numbers, steps = plan.settings, schedule_steps(plan)
    try:
        check_evaluations(plan.source, numbers.scheduler, numbers.steps, steps)
    except SpecError as error:
        raise plan.loaded.error(error) from None
    return plan.engine.sampler.steps(steps)


def schedule_steps(plan: Plan) -> int:
    """Steps of the schedule, which a sampler may take several times; see `evaluations`."""
    numbers, config, written = plan.settings, plan.facts.scheduler_config, plan.spec.sampling.scheduler
    if not config:
        return numbers.steps

    def build() -> int:
        from vstar_sdk.sampling.schedulers import timesteps_of

        return len(timesteps_of(plan.engine.scheduler.make(config), numbers.steps, "cpu"))

    subject = {
        "scheduler": numbers.scheduler,
        "options": written.model_dump(mode="json") if isinstance(written, Options) else None,
        "config": dict(config),
        "steps": numbers.steps,
        "versions": {package: version(package) for package in ("vstar-sdk", "diffusers", "torch")},
    }
    try:
        # The code of a plugin may change without a new version.
        return build() if "/" in numbers.scheduler else remembered("plans", subject, build)
    except SpecError as error:
        raise plan.loaded.error(error.under("sampling")) from None
