"""What a run will take in memory and computation, before anything is loaded. Torch is imported only for what is not known yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vstar_sdk.attention.chunks import attention_bytes, makes_logits
from vstar_sdk.models.estimates import Estimate, EstimatedSource
from vstar_sdk.models.pipeline_options import Offload
from vstar_sdk.runs.experience import Experience, recall, seconds, workload_of
from vstar_sdk.runs.plan import Plan
from vstar_sdk.runs.schedule import evaluations
from vstar_sdk.weights.devices import check_fused, cpu_threads, resolve_device, resolve_dtype


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The costs of a run.

    Attributes:
        device: that it will run on here.
        dtype: of the weights.
        estimate: the model's; None where the model cannot say.
        evaluations: steps of the schedule; more than the spec's ``steps`` for a scheduler of second order.
        calls: of the denoiser in a step: 2 where the branches of guidance take one each.
        branches: videos in one call.
        attention_bytes: the most that the logits of the nursed attention take next to the estimate.
        offload: the spec's; None for a model without the option.
        seconds: of sampling and decoding; None until a run of the model was made on this machine.
        libraries_bytes: memory of the process in addition to tensors, likewise; None on another device than the CPU.
    """

    device: str
    dtype: str
    estimate: Estimate | None
    evaluations: int
    calls: int
    branches: int
    attention_bytes: int
    offload: Offload | None
    seconds: float | None
    libraries_bytes: int | None

    @property
    def step_flops(self) -> int | None:
        """Operations of one step."""
        return self.estimate.call_flops * self.calls if self.estimate else None

    @property
    def run_flops(self) -> int | None:
        """Operations of sampling and decoding; encoding the text is left out, for it is little."""
        estimate = self.estimate
        return estimate.call_flops * self.calls * self.evaluations + estimate.decode_flops if estimate else None

    def peaks(self) -> Mapping[Offload, int]:
        """The most bytes on the device at once, for each way of offloading; empty where the model cannot say."""
        if self.estimate is None:
            return {}
        ways: tuple[Offload, ...] = ("none", "model", "group")
        return {way: self.estimate.peak(way, self.attention_bytes) for way in ways}


def forecast(plan: Plan) -> Forecast:
    """Foresee a run.

    Args:
        plan: of the run.

    Raises:
        ModelError: the device does not exist here or has no fused attention, or the model's configuration is damaged.
        SpecError: see `evaluations`.
    """
    model = plan.spec.model
    device = resolve_device(plan.loaded.catalog.resolver.device(getattr(model, "device", "auto")))
    dtype = resolve_dtype(getattr(model, "dtype", "auto"), device)
    if getattr(model, "fused", False):
        check_fused(device)
    attention = _attention_bytes(plan, device)  # before anything imports torch, so that the number of threads is remembered
    (workload, calls), steps = workload_of(plan, dtype), evaluations(plan)
    estimate = plan.source.estimate(workload) if isinstance(plan.source, EstimatedSource) else None
    before = recall(plan, device, dtype)
    return Forecast(
        device=device,
        dtype=dtype,
        estimate=estimate,
        evaluations=steps,
        calls=calls,
        branches=workload.branches,
        attention_bytes=attention,
        offload=getattr(model, "offload", None),
        seconds=seconds(plan, before, workload, calls, steps) if before is not None else None,
        libraries_bytes=_libraries(plan, before, attention) if before is not None and device == "cpu" else None,
    )


def _libraries(plan: Plan, before: Experience, attention: int) -> int | None:
    """Memory of an earlier run in addition to the estimated tensors: the interpreter and its libraries."""
    if before.peak_bytes is None or not isinstance(plan.source, EstimatedSource):
        return None
    return max(
        0, before.peak_bytes - plan.source.estimate(before.workload).peak(getattr(plan.spec.model, "offload", "none"), attention)
    )


def _attention_bytes(plan: Plan, device: str) -> int:
    """The most that the attention of a site holds at once, in any step."""
    kind = device.partition(":")[0]
    stretches = [stretch for site in plan.attention.sites for stretch in site.stretches(plan.settings.steps)]
    recipes = [recipe for stretch in stretches for recipe in stretch.recipes.values()]
    chunked = [recipe for recipe in recipes if makes_logits(recipe, kind)]
    threads = cpu_threads() if chunked and kind == "cpu" else 1
    return max((attention_bytes(recipe, kind, threads) for recipe in chunked), default=0)
