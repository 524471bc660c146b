"""One call of a denoiser by a pipeline: its arguments by name, and the moment of the schedule that they stand for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.errors import SamplerError


class Call:
    """The arguments of a call, as a forward pre-hook is given them.

    Args:
        denoiser: that is called.
        args: positional arguments.
        kwargs: named arguments.
    """

    def __init__(self, denoiser: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        # The class's own signature: offloading puts another forward on the instance.
        self._bound = _signature(type(denoiser)).bind(denoiser, *args, **kwargs)

    def __getitem__(self, name: str) -> Any:
        return self._bound.arguments[name]

    def set(self, **changes: Any) -> None:
        """Change arguments by name."""
        self._bound.arguments.update(changes)

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and named arguments, as a forward pre-hook returns them."""
        return self._bound.args[1:], self._bound.kwargs


@cache
def _signature(kind: type[nn.Module]) -> inspect.Signature:
    return inspect.signature(kind.forward)


def moment(timestep: Any, scheduler: Any) -> tuple[int, int]:
    """The step that a timestep stands for, and the number of steps.

    It hangs on the timestep alone. Pipelines may begin in the middle of a schedule, and call the denoiser twice for one step;
    where a schedule names a timestep twice (second-order schedulers), both calls are the first of them.

    Args:
        timestep: as the denoiser is given it: a number, or a tensor with one value for all or one for each video or token.
        scheduler: the pipeline's, after ``set_timesteps``.

    Raises:
        SamplerError: the scheduler has no such timestep.
    """
    schedule: Any = getattr(scheduler, "timesteps", None)
    if schedule is None or len(schedule) == 0:
        raise SamplerError(f"{type(scheduler).__name__} has no timesteps while the denoiser is called: the step cannot be told")
    # Tokens that are given (of a first picture, say) have the timestep 0; the others share the one that is meant.
    value = float(timestep.max()) if isinstance(timestep, Tensor) else float(timestep)
    values = [float(one) for one in (schedule.tolist() if isinstance(schedule, Tensor) else schedule)]
    step = min(range(len(values)), key=lambda index: abs(values[index] - value))
    if abs(values[step] - value) > _rounding(timestep, value):
        raise SamplerError(
            f"the denoiser was called at timestep {value:g}, which {type(scheduler).__name__} does not have among its "
            f"{len(values)} timesteps ({values[0]:g} to {values[-1]:g})",
            hint="attach reads the moment from the pipeline's own scheduler: set its timesteps with set_timesteps",
        )
    return step, len(values)


def _rounding(timestep: Any, value: float) -> float:
    """By how much a timestep may differ from the schedule's: by its own precision, or by being cut to a whole number."""
    if isinstance(timestep, int) or (isinstance(timestep, Tensor) and not timestep.is_floating_point()):
        return 1.0 - 1e-6
    dtype = timestep.dtype if isinstance(timestep, Tensor) else torch.float32
    return torch.finfo(dtype).eps * max(1.0, abs(value))
