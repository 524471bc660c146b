"""The schedulers of diffusers by short names, any other class by its own; their timesteps and steps. No torch at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from vstar_sdk.errors import SpecError
from vstar_sdk.models.diffusers.scheduler_classes import DIFFUSERS, KNOWN, SHIFT, Known, is_flow, step_parameters
from vstar_sdk.models.diffusers.scheduler_source import DiffusersScheduler, SchedulerOptions, offer
from vstar_sdk.options import ClassName
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    from torch import Tensor


class ClassOptions(SchedulerOptions):
    """Any scheduler class of diffusers."""

    name: ClassName = Field(examples=["DEISMultistepScheduler"])
    """Name of the class."""


def named(name: str) -> DiffusersScheduler:
    """The source of a short name, or of a class name of diffusers.

    The short names that families offer are known once their hooks were called, as a catalog does.
    """
    return DiffusersScheduler(name, KNOWN.get(name) or Known(name, ""))


def timesteps_of(scheduler: Any, steps: int, device: Any, *, tokens: int | None = None) -> Tensor:
    """Set a scheduler's number of steps.

    A schedule with ``use_dynamic_shifting`` gives the more of its steps to the noisy part the more tokens a clip has: ``mu`` goes
    in a straight line through ``(base_image_seq_len, base_shift)`` and ``(max_image_seq_len, max_shift)`` (Esser et al., 2024).

    Args:
        scheduler: made by a `vstar_sdk.SchedulerSource`.
        steps: how many.
        device: of the timesteps.
        tokens: positions of all latent frames of the clip; left out, as many as ``base_image_seq_len``.

    Returns:
        Its timesteps in the order in which they are taken; a scheduler of second order takes more than ``steps``.

    Raises:
        SpecError: the scheduler cannot take so few or so many steps. The path is ``("steps",)``.
    """
    config: Mapping[str, Any] = getattr(scheduler, "config", {})
    moved: dict[str, Any] = {}
    if config.get("use_dynamic_shifting"):
        few, many, low, high = (config.get(key, own) for key, own in SHIFT.items())
        moved["mu"] = low + (high - low) * ((few if tokens is None else tokens) - few) / (many - few)
        if is_flow(cast(type[Any], type(itself(scheduler)))):
            moved["sigmas"] = [1.0 + (1.0 / steps - 1.0) * step / max(1, steps - 1) for step in range(steps)]
    try:
        if steps == 1 and config.get("shift_terminal"):
            raise ValueError("its schedule is interpolated between its first and last step")
        scheduler.set_timesteps(steps, device=device, **moved)
    except (ValueError, IndexError) as error:
        raise SpecError(
            f"{type(scheduler).__name__} cannot take {steps} steps: {error}",
            hint="use another number of steps, or another scheduler",
            path=("steps",),
        ) from error
    return scheduler.timesteps


def step_arguments(scheduler: Any, eta: float, generator: Any) -> dict[str, Any]:
    """What the steps of a scheduler get besides prediction, timestep and latents.

    Args:
        scheduler: made by a `vstar_sdk.SchedulerSource`.
        eta: 0 (deterministic) to 1 (DDPM).
        generator: of the noise of the steps.

    Raises:
        SpecError: an eta that is not 0 for a scheduler without one, or beyond 0 to 1. The path is ``("eta",)``.
    """
    kind = cast(type[Any], type(itself(scheduler)))
    parameters = step_parameters(kind)
    if not 0.0 <= eta <= 1.0:
        raise SpecError(f"eta {eta:g}: it must be a number from 0 to 1", path=("eta",))
    if eta and "eta" not in parameters:
        takers = ", ".join(name for name, known in sorted(KNOWN.items()) if known.eta)
        raise SpecError(f"{kind.__name__} has no eta", hint=f"remove it, or use {takers}", path=("eta",))
    given = {"eta": eta, "generator": generator}
    return {key: value for key, value in given.items() if key in parameters}


def itself(scheduler: Any) -> Any:
    """The scheduler whose attributes and signatures count, where it stands behind the boundary of its plugin."""
    return getattr(scheduler, "__wrapped__", scheduler)


def by_class(options: ClassOptions) -> DiffusersScheduler:
    """The source of a class without a short name."""
    return DiffusersScheduler(options.name, Known(options.name, ""), options.config)


@hookimpl
def register_schedulers(register: Register) -> None:
    """Offer the schedulers of diffusers."""
    offer(register, DIFFUSERS)
    register("diffusers", options=ClassOptions, factory=by_class, summary="Any scheduler class of diffusers, by name.")
