"""A scheduler of diffusers for a model's configuration, and what does not fit together."""

from __future__ import annotations

import copy
import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import torch

from vstar_sdk.errors import MissingDependency, SpecError
from vstar_sdk.models.diffusers.scheduler_classes import KNOWN, SHIFT, Known, is_flow, step_parameters

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
"""What a model was trained with: a scheduler that has no such option would ignore it, and the pictures would be wrong."""

_TRAINED_NUMBERS = ("num_train_timesteps", "beta_start", "beta_end")
"""Likewise, but every scheduler of a diffusion has them, or needs none."""

_SPACINGS = ("linspace", "leading", "trailing")


def fitted(name: str, known: Known, config: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
    """A scheduler of a class for a model.

    Args:
        name: as in the spec, for messages.
        known: the class.
        config: the scheduler configuration that the model comes with.
        settings: in the place of some of it.

    Raises:
        SpecError: there is no such class, it has no option for something that the model was trained with, a setting is none
            of its own, or it fails with the settings.
        MissingDependency: diffusers needs another package for it.
    """
    kind = find(known.kind)
    options = _options(kind)
    lost = [key for key in _mattering(config) if key not in options]
    if "use_flow_sigmas" in lost:
        raise _unfit(f"scheduler {name!r} is not for models trained by flow matching, as this one was", config)
    if lost:
        raise _unfit(f"scheduler {name!r} has no {lost[0]}, but this model was trained with {config[lost[0]]!r}", config)
    if is_flow(kind) and not config.get("use_flow_sigmas"):
        raise _unfit(f"scheduler {name!r} is for models trained by flow matching; this one was not", config)
    if _wants_shift(options, config):
        what = "a shifted signal-to-noise ratio"
        raise _unfit(f"scheduler {name!r} is for models trained with {what}; this one was not", config)
    written = {key: one for key, one in inspect.signature(kind.__init__).parameters.items() if key != "self"}
    _check_settings(settings, written, known.kind)
    try:
        # Flow matching has one configuration for all its schedulers, which each read a part of.
        read = {key: value for key, value in config.items() if key in written or not config.get("use_flow_sigmas")}
        built = kind.from_config(read, **{**known.settings, **settings})
        if settings and _walks(lambda: kind.from_config(read, **known.settings)):
            _rehearse(built)
        # Not every class has options for these, but `timesteps_of` reads them.
        if moved := {key: config[key] for key in SHIFT if key in config}:
            built.register_to_config(**moved)
    except ImportError as error:
        raise MissingDependency(f"scheduler {name!r} needs a package that is not installed: {str(error).strip()}") from None
    except Exception as error:
        if settings:
            raise _failing(name, settings, error) from error
        if not isinstance(error, ValueError | TypeError | NotImplementedError):
            raise
        raise SpecError(
            f"scheduler {name!r} cannot be built from this model's configuration: {error}",
            hint="use another scheduler",
            path=("scheduler",),
        ) from None
    return built


_REHEARSED = 8
"""Steps of a rehearsal: enough for solvers of any order."""


def _walks(build: Callable[[], Any]) -> bool:
    """Whether a scheduler can be rehearsed: a few of diffusers take no such steps, whatever their settings."""
    try:
        _rehearse(build())
    except Exception:  # whatever it is, the settings are not to blame for it
        return False
    return True


def _rehearse(scheduler: Any) -> None:
    """Take a few steps with a copy of a scheduler: many settings are read for the first time there."""
    copied = copy.deepcopy(scheduler)
    copied.set_timesteps(_REHEARSED, **({"mu": 1.0} if copied.config.get("use_dynamic_shifting") else {}))
    given = {"generator": torch.Generator()} if "generator" in step_parameters(cast(type[Any], type(copied))) else {}
    latents = torch.ones(1, 4, 1, 2, 2)
    for timestep in copied.timesteps:
        if hasattr(copied, "scale_model_input"):
            latents = copied.scale_model_input(latents, timestep)
        latents = copied.step(latents, timestep, latents, return_dict=False, **given)[0]


def _failing(name: str, settings: Mapping[str, Any], error: Exception) -> SpecError:
    """What is told of settings that a scheduler fails with."""
    written = ", ".join(f"{key}: {value}" for key, value in settings.items())
    why = str(error).strip().partition("\n")[0] or type(error).__name__
    return SpecError(
        f"scheduler {name!r} fails with {{{written}}}: {why}",
        hint="use other values, or remove them: the model has its own",
        path=("scheduler", "config", *(settings if len(settings) == 1 else ())),
    )


def _check_settings(settings: Mapping[str, Any], written: Mapping[str, inspect.Parameter], kind: str) -> None:
    """Refuse settings that a class does not have, that belong to the training, or are of another type than its own.

    Raises:
        SpecError: with its path.
    """
    fixed = {*_TRAINED_WITH, *_TRAINED_NUMBERS}
    for key, value in settings.items():
        path = ("scheduler", "config", key)
        if key in fixed or key not in written:
            why = "is what the model was trained with" if key in fixed else f"is not a setting of {kind}"
            near = difflib.get_close_matches(key, sorted({*written} - fixed), 1)
            raise SpecError(f"{key} {why}", hint=f"did you mean {near[0]}?" if near else None, path=path)
        own = written[key].default
        if isinstance(own, bool) != isinstance(value, bool) and isinstance(own, bool | int | float):
            raise SpecError(f"{key} must be {'true or false' if isinstance(own, bool) else 'a number'}", path=path)
        if isinstance(own, int | float) and not isinstance(value, int | float):
            raise SpecError(f"{key} must be a number", path=path)
        if isinstance(own, str) and not isinstance(value, str):
            raise SpecError(f"{key} must be text", path=path)
        if key == "timestep_spacing" and value not in _SPACINGS:
            raise SpecError(f"{key} must be {' or '.join(_SPACINGS)}", path=path)


def find(name: str) -> type[Any]:
    """A scheduler class of diffusers, or ours in its place (`Known.ours`).

    Raises:
        SpecError: there is none of that name.
        MissingDependency: diffusers needs another package for it.
    """
    ours = next((known.ours for known in KNOWN.values() if known.kind == name and known.ours), None)
    if ours:  # before the import of diffusers, which takes longer than a short run samples
        module, _, attribute = ours.partition(":")
        return getattr(importlib.import_module(module), attribute)
    from diffusers import schedulers

    kind = getattr(schedulers, name, None)
    if kind is None:
        raise _unknown(name, [known for known in dir(schedulers) if known.endswith("Scheduler")])
    try:
        step_parameters(kind)
    except ImportError as error:  # diffusers puts a stand-in in the place of a class whose packages are missing
        raise MissingDependency(f"scheduler {name!r} needs a package that is not installed: {str(error).strip()}") from None
    except AttributeError:
        raise SpecError(
            f"scheduler {name!r} has no step from one timestep to the next", hint="use another", path=("scheduler",)
        ) from None
    return kind


def _options(kind: type[Any]) -> set[str]:
    """The options of a scheduler, those included that go without saying."""
    written = set(inspect.signature(kind.__init__).parameters)
    return written | {"prediction_type", "use_flow_sigmas"} if is_flow(kind) else written


def _unfit(message: str, config: Mapping[str, Any]) -> SpecError:
    able = ", ".join(_able(config))
    hint = f"use one of {able}" if able else "remove it: the model has its own"
    return SpecError(message, hint=hint, path=("scheduler",))


def _able(config: Mapping[str, Any]) -> list[str]:
    """The short names of the schedulers that have every option that matters to a model."""
    needed = {*_mattering(config)}
    kinds = {name: find(known.kind) for name, known in sorted(KNOWN.items())}
    return [
        name
        for name, kind in kinds.items()
        if needed <= _options(kind)
        and not _wants_shift(_options(kind), config)
        and ("use_flow_sigmas" in needed or not is_flow(kind))
    ]


def _wants_shift(options: set[str], config: Mapping[str, Any]) -> bool:
    """Whether a scheduler is for models with a shifted signal-to-noise ratio, which this one was not trained with."""
    return "snr_shift_scale" in options and config.get("snr_shift_scale") is None


def _mattering(config: Mapping[str, Any]) -> list[str]:
    """What a model was trained with that a scheduler must have an option for."""
    neutral = {"snr_shift_scale": 1.0}
    return [key for key in _TRAINED_WITH if config.get(key) not in (None, False, neutral.get(key))]


def _unknown(name: str, names: Iterable[str]) -> SpecError:
    near = difflib.get_close_matches(name, [*names, *sorted(KNOWN)], n=1, cutoff=0.5)
    return SpecError(
        f"unknown scheduler {name!r}" + (f". Did you mean {near[0]!r}?" if near else ""),
        hint=f"{', '.join(sorted(KNOWN))}, or the name of a scheduler class of diffusers",
        path=("scheduler",),
    )
