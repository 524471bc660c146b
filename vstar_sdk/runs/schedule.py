"""The schedule of a run, before a model is loaded."""

from __future__ import annotations

from importlib.metadata import version

from vstar_sdk.caches import remembered
from vstar_sdk.errors import SpecError
from vstar_sdk.runs.plan import Plan


def evaluations(plan: Plan) -> int:
    """How often a run will evaluate its denoiser: more than ``steps`` for a scheduler of second order.

    The scheduler is built to find out, and the answer is remembered: torch is imported only for a schedule that is new here.

    Args:
        plan: of the run; where its model says nothing of schedulers before it is loaded, nothing is checked.

    Raises:
        SpecError: the scheduler does not fit the model, or cannot take so few or so many steps; with its place in the spec.
        MissingDependency: the scheduler needs another package.
    """
    numbers, config = plan.settings, plan.facts.scheduler_config
    if not config:
        return numbers.steps

    def build() -> int:
        from vstar_sdk.sampling.schedulers import build_scheduler, timesteps_of

        return len(timesteps_of(build_scheduler(numbers.scheduler, config), numbers.steps, "cpu"))

    subject = {
        "scheduler": numbers.scheduler,
        "config": dict(config),
        "steps": numbers.steps,
        "versions": {package: version(package) for package in ("vstar-sdk", "diffusers", "torch")},
    }
    try:
        return remembered("plans", subject, build)
    except SpecError as error:
        raise plan.loaded.error(error.under("sampling")) from None
