"""What a run can do to need less memory. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vstar_sdk.events import Stage
from vstar_sdk.runs.plan import Plan

_HELPS: Mapping[Stage, tuple[Sequence[str], str]] = {
    "load": (("offload", "dtype"), "use a smaller model"),
    "encode": (("offload", "dtype"), "use a smaller model"),
    "sample": (("offload", "guidance_batch", "dtype"), "make fewer frames or smaller pictures"),
    "decode": (("decode_batch", "offload", "tiling", "dtype"), "make smaller pictures"),
}
"""For each stage the options that lower its peak, and what is left when all are used."""


def less_memory(plan: Plan, stage: Stage) -> str:
    """What is left to change in the spec of a run that needed too much memory.

    Args:
        plan: of the run.
        stage: in which it failed.
    """
    options, last = _HELPS[stage]
    left = [step for step in map(_steps(plan).get, options) if step is not None]
    return f"set {', or '.join(left)}; or {last}" if left else last


def _steps(plan: Plan) -> Mapping[str, str]:
    """The options that the model has and the spec does not use to the full yet, and how to write them."""
    model, numbers = plan.spec.model, plan.settings
    steps: dict[str, str] = {}
    match getattr(model, "offload", None):
        case "none":
            steps["offload"] = "model.offload: model (or group)"
        case "model":
            steps["offload"] = "model.offload: group"
        case _:
            pass
    if numbers.branches > 1 and numbers.guidance_batch == "one":
        steps["guidance_batch"] = "sampling.guidance_batch: two"
    if getattr(model, "decode_batch", 1) > 1:
        steps["decode_batch"] = "model.decode_batch: 1"
    if getattr(model, "tiling", None) is False:
        steps["tiling"] = "model.tiling: true"
    if getattr(model, "dtype", "auto") == "float32":
        steps["dtype"] = "model.dtype: bfloat16"
    return steps
