"""Schedulers by name, built from a model's own configuration. The names need no torch."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from vstar_sdk.errors import MissingDependency, SpecError

if TYPE_CHECKING:
    from torch import Tensor


class Scheduler(Protocol):
    """A scheduler of diffusers, or one that is used in the same way."""

    def to_json_string(self) -> str:
        """Its configuration."""
        ...

    def __len__(self) -> int:
        """Timesteps of the training."""
        ...


@dataclass(frozen=True)
class _Known:
    """A scheduler with a short name: its class, what is set beside the model's configuration, and whether steps take eta."""

    name: str
    options: Mapping[str, Any]
    eta: bool = False


_KNOWN: dict[str, _Known] = {
    "cogvideox-ddim": _Known("CogVideoXDDIMScheduler", {}),
    "cogvideox-dpm": _Known("CogVideoXDPMScheduler", {}),
    "ddim": _Known("DDIMScheduler", {}, eta=True),
    "ddpm": _Known("DDPMScheduler", {}),
    "dpm++": _Known("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "dpm++-karras": _Known("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True}),
    "dpm++-sde": _Known("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "euler": _Known("EulerDiscreteScheduler", {}),
    "euler-ancestral": _Known("EulerAncestralDiscreteScheduler", {}),
    "flow-euler": _Known("FlowMatchEulerDiscreteScheduler", {}),
    "flow-euler-even": _Known("FlowMatchEvenEulerScheduler", {}),
    "heun": _Known("HeunDiscreteScheduler", {}),
    "lcm": _Known("LCMScheduler", {}),
    "scaled-ddim": _Known("ScaledDDIMScheduler", {}, eta=True),
    "tcd": _Known("TCDScheduler", {}, eta=True),
    "unipc": _Known("UniPCMultistepScheduler", {}),
}

# What the model was trained with: a scheduler that has no such option would ignore it, and the pictures would be wrong.
_TRAINED_WITH = (
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
    "signal_scale",
    "snr_shift_scale",
    "use_flow_sigmas",
    "use_dynamic_shifting",
    "shift_terminal",
)

# How far a schedule is moved, by the size of the clip; with the values that are meant where a configuration has none.
_SHIFT = {"base_image_seq_len": 256, "max_image_seq_len": 4096, "base_shift": 0.5, "max_shift": 1.15}

# In place of a class of diffusers with a flaw, or with steps of its own, and classes that diffusers lacks.
_OURS = {
    "CogVideoXDDIMScheduler": "vstar_sdk.models.cogvideox.schedulers:CogVideoXDDIM",
    "CogVideoXDPMScheduler": "vstar_sdk.models.cogvideox.schedulers:CogVideoXDPM",
    "DDIMScheduler": "vstar_sdk.sampling.ddim:ClampedDDIMScheduler",
    "FlowMatchEvenEulerScheduler": "vstar_sdk.sampling.even_flow:FlowMatchEvenEulerScheduler",
    "ScaledDDIMScheduler": "vstar_sdk.models.videocrafter2.scaled_ddim:ScaledDDIMScheduler",
}


def known_schedulers() -> tuple[str, ...]:
    """The short names; beside them any class name of diffusers can be used, such as ``DEISMultistepScheduler``."""
    return tuple(_KNOWN)


def check_scheduler(name: str) -> None:
    """Refuse a name that cannot be a scheduler's.

    Raises:
        SpecError: it is no short name and does not look like a class of diffusers. The path is ``("scheduler",)``.
    """
    if name in _KNOWN or (name.isidentifier() and name.endswith("Scheduler")):
        return
    raise _unknown(name, _KNOWN)


def takes_eta(name: str) -> bool:
    """Whether the steps of a scheduler take ``eta``; needs torch only for a class name.

    Raises:
        SpecError: see `check_scheduler`.
    """
    check_scheduler(name)
    return _KNOWN[name].eta if name in _KNOWN else "eta" in _step_parameters(_find(name))


def build_scheduler(name: str, config: Mapping[str, Any]) -> Scheduler:
    """A scheduler for a model.

    Args:
        name: a short name, or the name of a class in diffusers.
        config: the scheduler configuration that the model comes with.

    Raises:
        SpecError: there is no such scheduler, or it has no option for something that the model was trained with.
        MissingDependency: diffusers needs another package for it.
    """
    check_scheduler(name)
    known = _KNOWN.get(name, _Known(name, {}))
    kind = _find(known.name)
    options = _options(kind)
    lost = [key for key in _mattering(config) if key not in options]
    if "use_flow_sigmas" in lost:
        raise SpecError(
            f"scheduler {name!r} is not for models trained by flow matching, as this one was",
            hint=f"use one of {', '.join(_able(config))}",
            path=("scheduler",),
        )
    if lost:
        raise SpecError(
            f"scheduler {name!r} has no {lost[0]}, and this model was trained with {config[lost[0]]!r}",
            hint=f"use one of {', '.join(_able(config))}",
            path=("scheduler",),
        )
    if _is_flow(kind) and not config.get("use_flow_sigmas"):
        raise SpecError(
            f"scheduler {name!r} is for models trained by flow matching, and this one was not",
            hint=f"use one of {', '.join(_able(config))}",
            path=("scheduler",),
        )
    if odd := _wants(options, config):
        raise SpecError(
            f"scheduler {name!r} is for models trained with {odd}, and this one was not",
            hint=f"use one of {', '.join(_able(config))}",
            path=("scheduler",),
        )
    try:
        # Flow matching has one configuration for all its schedulers, which each read a part of.
        written = inspect.signature(kind.__init__).parameters
        read = {key: value for key, value in config.items() if key in written or not config.get("use_flow_sigmas")}
        built = kind.from_config(read, **known.options)
        # Not every class has options for these, but `timesteps_of` reads them.
        if moved := {key: config[key] for key in _SHIFT if key in config}:
            built.register_to_config(**moved)
        return built
    except ValueError as error:
        raise SpecError(
            f"scheduler {name!r} cannot be built from this model's configuration: {error}",
            hint="use another scheduler",
            path=("scheduler",),
        ) from None


def timesteps_of(scheduler: Scheduler, steps: int, device: Any, *, tokens: int | None = None) -> Tensor:
    """Set a scheduler's number of steps.

    A schedule with ``use_dynamic_shifting`` gives the more of its steps to the noisy part the more tokens a clip has: ``mu`` goes
    in a straight line through ``(base_image_seq_len, base_shift)`` and ``(max_image_seq_len, max_shift)`` (Esser et al., 2024).

    Args:
        scheduler: from `build_scheduler`.
        steps: how many.
        device: of the timesteps.
        tokens: positions of all latent frames of the clip; left out, as many as ``base_image_seq_len``.

    Returns:
        Its timesteps in the order in which they are taken; a scheduler of second order takes more than ``steps``.

    Raises:
        SpecError: the scheduler cannot take so few or so many steps. The path is ``("steps",)``.
    """
    built: Any = scheduler
    moved: dict[str, Any] = {}
    if built.config.get("use_dynamic_shifting"):
        few, many, low, high = (built.config.get(key, own) for key, own in _SHIFT.items())
        moved["mu"] = low + (high - low) * ((few if tokens is None else tokens) - few) / (many - few)
        if _is_flow(type(scheduler)):
            moved["sigmas"] = [1.0 + (1.0 / steps - 1.0) * step / max(1, steps - 1) for step in range(steps)]
    try:
        if steps == 1 and built.config.get("shift_terminal"):
            raise ValueError("its schedule is stretched between its first step and its last")
        built.set_timesteps(steps, device=device, **moved)
    except (ValueError, IndexError) as error:
        raise SpecError(
            f"{type(scheduler).__name__} cannot take {steps} steps: {error}",
            hint="ask for another number of steps, or use another scheduler",
            path=("steps",),
        ) from error
    return built.timesteps


def step_arguments(scheduler: Scheduler, eta: float, generator: Any) -> dict[str, Any]:
    """What the steps of a scheduler are to be given beside prediction, timestep and latents.

    Args:
        scheduler: from `build_scheduler`.
        eta: 0 (deterministic) to 1 (DDPM).
        generator: of the noise of the steps.

    Raises:
        SpecError: an eta that is not 0 for a scheduler without one, or beyond 0 to 1. The path is ``("eta",)``.
    """
    parameters = _step_parameters(type(scheduler))
    if not 0.0 <= eta <= 1.0:
        raise SpecError(f"eta {eta:g}: it is a number from 0 to 1", path=("eta",))
    if eta and "eta" not in parameters:
        takers = ", ".join(name for name, known in _KNOWN.items() if known.eta)
        raise SpecError(f"{type(scheduler).__name__} has no eta", hint=f"leave it out, or use {takers}", path=("eta",))
    given = {"eta": eta, "generator": generator}
    return {key: value for key, value in given.items() if key in parameters}


def _find(name: str) -> type[Any]:
    """A scheduler class of diffusers, or ours."""
    if name in _OURS:  # before the import of diffusers, which takes longer than a short run samples
        module, _, attribute = _OURS[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    from diffusers import schedulers

    names = [known for known in [*dir(schedulers), *_OURS] if known.endswith("Scheduler")]
    kind = getattr(schedulers, name, None)
    if kind is None:
        raise _unknown(name, names)
    try:
        _step_parameters(kind)
    except ImportError as error:  # diffusers puts a stand-in in the place of a class whose packages are missing
        raise MissingDependency(f"scheduler {name!r} needs a package that is not installed: {str(error).strip()}") from None
    return kind


def _step_parameters(kind: type[Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(kind.step).parameters


def _is_flow(kind: type[Any]) -> bool:
    """Whether a scheduler knows flow matching alone, so that no option says it."""
    return kind.__name__.startswith("FlowMatch")


def _options(kind: type[Any]) -> set[str]:
    """The options of a scheduler, those included that go without saying."""
    written = set(inspect.signature(kind.__init__).parameters)
    return written | {"prediction_type", "use_flow_sigmas"} if _is_flow(kind) else written


def _able(config: Mapping[str, Any]) -> list[str]:
    """The short names of the schedulers that have every option that matters to a model."""
    needed = _mattering(config)
    kinds = {name: _find(known.name) for name, known in _KNOWN.items()}
    return [
        name
        for name, kind in kinds.items()
        if set(needed) <= _options(kind)
        and not _wants(_options(kind), config)
        and ("use_flow_sigmas" in needed or not _is_flow(kind))
    ]


def _wants(options: set[str], config: Mapping[str, Any]) -> str:
    """What a model must have been trained with for a scheduler of such options, if this one was not; else nothing."""
    wanted = {"signal_scale": "a signal scale", "snr_shift_scale": "a shifted signal-to-noise ratio"}
    return next((what for option, what in wanted.items() if option in options and config.get(option) is None), "")


def _mattering(config: Mapping[str, Any]) -> list[str]:
    """What a model was trained with that a scheduler must have an option for."""
    neutral = {"snr_shift_scale": 1.0}
    return [key for key in _TRAINED_WITH if config.get(key) not in (None, False, neutral.get(key))]


def _unknown(name: str, names: Any) -> SpecError:
    near = difflib.get_close_matches(name, [*names, *_KNOWN], n=1, cutoff=0.5)
    return SpecError(
        f"unknown scheduler {name!r}" + (f". Did you mean {near[0]!r}?" if near else ""),
        hint=f"{', '.join(_KNOWN)}, or the name of a scheduler class of diffusers",
        path=("scheduler",),
    )
