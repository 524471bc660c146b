"""The clean latents that a prediction stands for: what a clip would be if every further step agreed. For previews."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor

from vstar_sdk.models.diffusers.scheduler_classes import is_flow
from vstar_sdk.sampling.schedulers import itself


def clean(scheduler: Any, seen: Tensor, prediction: Tensor, index: int) -> Tensor | None:
    """Undo the noise of a step by what the model says of it.

    Diffusion: ``x = sqrt(a) x0 + sqrt(1 - a) e``; the model tells ``e``, ``x0``, or ``v = sqrt(a) e - sqrt(1 - a) x0``.
    Flow matching: ``x = (1 - s) x0 + s e``; the model tells ``e - x0``.

    Args:
        scheduler: made by a `vstar_sdk.SchedulerSource`, its timesteps set.
        seen: the latents as the model saw them.
        prediction: the model's, guided.
        index: of the step.

    Returns:
        ``x0``, like the latents; None for a scheduler that keeps neither cumulated alphas nor sigmas of a flow. One with a method
        ``clean(seen, prediction, timestep)`` is asked itself.
    """
    own: Any = itself(scheduler)
    own_type = cast(type[Any], type(own))
    kind, timestep = own.config.get("prediction_type", "epsilon"), own.timesteps[index]
    if hasattr(own, "clean"):
        return own.clean(seen, prediction, timestep)
    if kind == "flow_prediction" or is_flow(own_type):
        return seen - own.sigmas[index].to(seen) * prediction
    alpha = _alpha(own, index)
    if alpha is None:
        return None
    signal, noise = (alpha**0.5).to(seen), ((1 - alpha) ** 0.5).to(seen)
    match kind:
        case "epsilon":
            return (seen - noise * prediction) / signal.clamp(min=1e-3)
        case "v_prediction":
            return signal * seen - noise * prediction
        case "sample":
            return prediction
        case _:
            return None


def _alpha(scheduler: Any, index: int) -> Tensor | None:
    """The cumulated alpha of a step: from its noise level ``sqrt((1 - a) / a)`` if the scheduler keeps it, else by timestep."""
    if (sigmas := getattr(scheduler, "sigmas", None)) is not None:
        return 1 / (1 + sigmas[index] ** 2)
    alphas: Tensor | None = getattr(scheduler, "alphas_cumprod", None)
    return None if alphas is None else alphas[int(scheduler.timesteps[index])]
