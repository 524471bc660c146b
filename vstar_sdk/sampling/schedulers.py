"""The schedulers of diffusers as parts: short names, any other class by its name. No torch until one is made."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from vstar_sdk.errors import SpecError
from vstar_sdk.options import ClassName, Options
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.sampling.scheduler_classes import KNOWN, SHIFT, Known, is_flow, step_parameters

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.sampling.contract import Scheduler


class SchedulerOptions(Options):
    """A scheduler class of diffusers."""

    config: dict[str, bool | int | float | str] = Field(
        default_factory=dict, max_length=32, examples=[{"timestep_spacing": "trailing"}]
    )
    """Settings of the class in diffusers, in the place of the model's own."""


class ClassOptions(SchedulerOptions):
    """Any scheduler class of diffusers."""

    name: ClassName = Field(examples=["DEISMultistepScheduler"])
    """Name of the class."""


class DiffusersScheduler:
    """A `vstar_sdk.SchedulerSource` for a class of diffusers.

    Args:
        name: as in the spec, for messages.
        known: the class.
        config: see `SchedulerOptions`.
    """

    def __init__(self, name: str, known: Known, config: Mapping[str, Any] | None = None) -> None:
        self._name, self._known, self._config = name, known, config or {}

    @property
    def takes_eta(self) -> bool:
        """Whether the steps take eta; needs torch only for a class without a short name."""
        if self._name in KNOWN:
            return self._known.eta
        from vstar_sdk.sampling.fitting import find

        return "eta" in step_parameters(find(self._known.kind))

    def make(self, config: Mapping[str, Any]) -> Scheduler:
        """See `vstar_sdk.SchedulerSource.make`."""
        from vstar_sdk.sampling.fitting import fitted

        return fitted(self._name, self._known, config, self._config)


def named(name: str) -> DiffusersScheduler:
    """The source of a short name, or of a class name of diffusers."""
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
            raise ValueError("its schedule is stretched between its first step and its last")
        scheduler.set_timesteps(steps, device=device, **moved)
    except (ValueError, IndexError) as error:
        raise SpecError(
            f"{type(scheduler).__name__} cannot take {steps} steps: {error}",
            hint="ask for another number of steps, or use another scheduler",
            path=("steps",),
        ) from error
    return scheduler.timesteps


def step_arguments(scheduler: Any, eta: float, generator: Any) -> dict[str, Any]:
    """What the steps of a scheduler are to be given beside prediction, timestep and latents.

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
        raise SpecError(f"eta {eta:g}: it is a number from 0 to 1", path=("eta",))
    if eta and "eta" not in parameters:
        takers = ", ".join(name for name, known in KNOWN.items() if known.eta)
        raise SpecError(f"{kind.__name__} has no eta", hint=f"leave it out, or use {takers}", path=("eta",))
    given = {"eta": eta, "generator": generator}
    return {key: value for key, value in given.items() if key in parameters}


def itself(scheduler: Any) -> Any:
    """The scheduler whose attributes and signatures count, where it stands behind the boundary of its plugin."""
    return getattr(scheduler, "__wrapped__", scheduler)


def _short(name: str, options: SchedulerOptions) -> DiffusersScheduler:
    return DiffusersScheduler(name, KNOWN[name], options.config)


def by_class(options: ClassOptions) -> DiffusersScheduler:
    """The source of a class without a short name."""
    return DiffusersScheduler(options.name, Known(options.name, ""), options.config)


@hookimpl
def register_schedulers(register: Register) -> None:
    """Offer the schedulers of diffusers."""
    for name, known in KNOWN.items():
        register(name, options=SchedulerOptions, factory=partial(_short, name), summary=known.summary)
    register("diffusers", options=ClassOptions, factory=by_class, summary="Any scheduler class of diffusers, by its name.")
