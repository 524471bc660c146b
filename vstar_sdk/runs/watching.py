"""The attention maps that the metrics of a run ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstar_sdk.attention.sites import Site
from vstar_sdk.metrics.contract import MapMetric
from vstar_sdk.runs.instruments import metrics_of
from vstar_sdk.runs.measuring import watched_steps
from vstar_sdk.runs.plan import Plan
from vstar_sdk.runs.schedule import schedule_steps

if TYPE_CHECKING:
    from vstar_sdk.attention.recording import Recording


def recording_of(plan: Plan) -> Recording | None:
    """What is to be recorded while a plan is sampled, all that any metric asks for; None where none does.

    Args:
        plan: of the run.
    """
    metrics = [one.metric for one in metrics_of(plan.loaded) if isinstance(one.metric, MapMetric)]
    if not metrics:
        return None
    from vstar_sdk.attention.recording import Recording

    total, wanted, steps = schedule_steps(plan), list[Site](), set[int]()
    for address in plan.facts.sites:
        site = Site.at(address, plan.attention.clock)
        inside = {step for metric in metrics for step in watched_steps(metric, site, total)}
        if inside:
            wanted.append(site)
            steps |= inside
    return Recording(wanted, steps) if wanted else None
