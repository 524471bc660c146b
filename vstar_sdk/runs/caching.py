"""What a cache of the model's denoiser rules out. No torch."""

from __future__ import annotations

from vstar_sdk.attention.plan import AttentionPlan
from vstar_sdk.errors import SpecError
from vstar_sdk.metrics.contract import MapMetric
from vstar_sdk.models.caches import CachedSource, FirstBlockCache
from vstar_sdk.models.contract import ModelSource
from vstar_sdk.runs.instruments import metrics_of
from vstar_sdk.spec.loading import LoadedSpec

_PATH = ("model", "cache")


def check_cache(loaded: LoadedSpec, source: ModelSource, attention: AttentionPlan, sampler: str, steps: int) -> None:
    """Refuse a cache that would leave out what was asked for.

    Args:
        loaded: the spec.
        source: of the model.
        attention: what regularizers and the guidance do.
        sampler: the sampler's name.
        steps: of the schedule.

    Raises:
        SpecError: it would.
    """
    cache = source.cache if isinstance(source, CachedSource) else None
    if cache is None:
        return
    if sampler != "single":
        raise SpecError(
            f"the cache {cache.use} counts the steps of one schedule, and the sampler {sampler} walks others",
            hint="remove the cache, or use sampler: single",
            path=_PATH,
        )
    if any(isinstance(one.metric, MapMetric) for one in metrics_of(loaded)):
        raise SpecError(
            f"the cache {cache.use} leaves out attention whose maps a metric measures",
            hint="remove the cache, or the metric",
            path=_PATH,
        )
    several = len({planned.site.name.partition(".")[0] for planned in attention.sites}) > 1  # each counts steps of its own
    for planned in attention.sites:
        block = planned.site.index or 0
        acting = {
            act.regularizer
            for step in range(steps)
            if not cache.computes(block, step, steps) or (several and not (block == 0 and isinstance(cache, FirstBlockCache)))
            for act in planned.active(step, steps)
            if act.index >= 0 and act.at(step, steps) != 0.0
        }
        remembering = {watch.regularizer for watch in planned.watches}
        if names := sorted(acting | remembering):
            raise SpecError(
                f"the cache {cache.use} would skip {names[0]}: what it leaves out of block {block} is that of an earlier step",
                hint=f"remove the cache, or give {names[0]} {cache.surely}",
                path=_PATH,
            )
        if planned.branches:
            raise SpecError(
                f"the cache {cache.use} leaves out attention that the guidance changes",
                hint="remove the cache, or use a guidance that compares texts alone, such as cfg",
                path=_PATH,
            )


def check_evaluations(source: ModelSource, scheduler: str, steps: int, evaluations: int) -> None:
    """Refuse a cache beside a scheduler that evaluates the model more than once in a step.

    A cache counts evaluations as steps: it would begin again in the middle of the schedule, and leave out what regularizers do.

    Args:
        source: of the model.
        scheduler: the scheduler's name.
        steps: that the spec asks for.
        evaluations: that the schedule takes.

    Raises:
        SpecError: there is one.
    """
    cache = source.cache if isinstance(source, CachedSource) else None
    if cache is not None and evaluations != steps:
        raise SpecError(
            f"the cache {cache.use} counts one evaluation a step, and {scheduler} takes {evaluations} for {steps} steps",
            hint="remove the cache, or use a scheduler of first order, such as the model's own",
            path=_PATH,
        )
