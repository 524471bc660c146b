"""What earlier runs took on this machine, so that a plan can foretell time and memory. No torch."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from vstar_sdk import caches
from vstar_sdk.attention.operations import Logits, Wrap
from vstar_sdk.attention.recipe import lower
from vstar_sdk.models.estimates import EstimatedSource, Workload
from vstar_sdk.runs.instruments import metrics_of
from vstar_sdk.runs.plan import Plan

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Experience:
    """What the last run of a model took.

    Attributes:
        workload: what the model was asked for.
        calls: of the denoiser in a step.
        step_seconds: of one step, on average.
        decode_seconds: of the whole clip; finishers, metrics and exporters included.
        peak_bytes: the most memory of the process, interpreter and libraries included. None where it did anything but this run,
            or the system does not tell.
    """

    workload: Workload
    calls: int
    step_seconds: float
    decode_seconds: float
    peak_bytes: int | None


_FORM = TypeAdapter(Experience)


def workload_of(plan: Plan, dtype: str) -> tuple[Workload, int]:
    """What a run asks its model for, and how often it calls the denoiser in a step.

    Args:
        plan: of the run.
        dtype: of the weights.
    """
    numbers = plan.settings
    together = numbers.guidance_batch == "one"
    branches = numbers.branches if together else 1
    workload = Workload(frames=numbers.frames, width=numbers.width, height=numbers.height, branches=branches, dtype=dtype)
    return workload, 1 if together else numbers.branches


def remember(plan: Plan, device: str, dtype: str, experience: Experience) -> None:
    """Keep what a run took; the newest of a model counts. A cache that cannot be written costs nothing but the forecast."""
    try:
        caches.write(_path(plan, device, dtype), json.dumps(asdict(experience)))
    except OSError as error:
        _log.debug("the run's time and memory are not stored: %s", error)


def recall(plan: Plan, device: str, dtype: str) -> Experience | None:
    """What the last run of the plan's model took, on this device and in this precision."""
    try:
        return _FORM.validate_json(_path(plan, device, dtype).read_bytes())
    except (OSError, ValidationError):
        return None


def seconds(plan: Plan, experience: Experience, workload: Workload, calls: int, steps: int) -> float | None:
    """How long sampling and decoding will take, from what they took.

    Time is taken to grow with the operations of the model's estimate.

    Args:
        plan: of the run to come.
        experience: of an earlier one.
        workload: of the run to come.
        calls: of the denoiser in a step.
        steps: of the schedule.

    Returns:
        Seconds; None where the workload is another one, and the model has no estimate or one without operations.
    """
    before = experience.workload
    if (before, experience.calls) == (workload, calls):
        return experience.step_seconds * steps + experience.decode_seconds
    if not isinstance(plan.source, EstimatedSource):
        return None
    then, now = plan.source.estimate(before), plan.source.estimate(workload)
    if not (then.call_flops and then.decode_flops):
        return None
    sampling = experience.step_seconds * (now.call_flops * calls) / (then.call_flops * experience.calls)
    return sampling * steps + experience.decode_seconds * now.decode_flops / then.decode_flops


def _in_a_step(plan: Plan) -> list[object]:
    """What makes a step of one run slower than that of another with the same workload: how attention and guidance are done.

    Of a regularizer whose functions run in every step, all options; of others what its matrices say makes no difference.
    """
    spec, attention = plan.spec, plan.attention
    at_sites = [
        [
            planned.site.name,
            *((act.window, lower([act], planned.site.kind).words) for act in planned.acts),
            *(watch.window for watch in planned.watches),
            *((branch.window, branch.guidance, branch.branch) for branch in planned.branches),
        ]
        for planned in attention.sites
    ]
    running = {
        act.index
        for planned in attention.sites
        for act in planned.acts
        if any(isinstance(operation, Logits | Wrap) for operation in act.operations)
    }
    options = [spec.regularizers[index].model_dump(mode="json", exclude={"strength"}) for index in sorted(running)]
    return [at_sites, options, plan.engine.guidance_name, spec.timeline.part]


def _path(plan: Plan, device: str, dtype: str) -> Path:
    model, spec = plan.spec.model, plan.spec
    about: list[object] = [model.part, model.model_dump(mode="json"), plan.facts.name, device, dtype]
    measuring = (one.options for one in metrics_of(plan.loaded))
    if behind := [options.model_dump(mode="json") for options in (*spec.finish, *measuring)]:
        about.append(behind)  # finishers and metrics may take longer than the decoder
    about.append(_in_a_step(plan))
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return caches.cache_folder("experience") / f"{digest[:32]}.json"
