"""The moment of the schedule that a call of a denoiser stands for."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, cast

import torch
from torch import Tensor

from vstar_sdk.attention.moment import Moment
from vstar_sdk.errors import SamplerError


def moment(timestep: Any, scheduler: Any) -> Moment:
    """The step that a timestep stands for.

    The timestep alone says it, wherever it can: pipelines may begin in the middle of a schedule, and call the denoiser twice for
    one step. Where a schedule names a timestep twice (second-order schedulers), both calls are the first of them. A timestep in
    half precision may stand for several steps; then the scheduler says which of them comes next.

    Args:
        timestep: as the denoiser is given it: a number, or a tensor with one value for all or one for each video or token.
        scheduler: the pipeline's, after ``set_timesteps``.

    Raises:
        SamplerError: the scheduler has no such timestep, or several and does not tell which one comes next.
    """
    schedule: Any = getattr(scheduler, "timesteps", None)
    if schedule is None or len(schedule) == 0:
        raise SamplerError(f"{type(scheduler).__name__} has no timesteps while the denoiser is called: the step is unknown")
    # Tokens that are given (of a first picture, say) have the timestep 0; the others share the one that is meant.
    value = float(timestep.max()) if isinstance(timestep, Tensor) else float(timestep)
    values = [float(one) for one in (cast(Any, schedule).tolist() if isinstance(schedule, Tensor) else schedule)]
    near = {one for one in values if abs(one - value) <= _rounding(timestep, value)}
    if not near:
        raise SamplerError(
            f"the denoiser was called at timestep {value:g}, which {type(scheduler).__name__} does not have among its "
            f"{len(values)} timesteps ({values[0]:g} to {values[-1]:g})",
            hint="attach reads the moment from the pipeline's own scheduler: set its timesteps with set_timesteps",
        )
    meant = near.pop() if len(near) == 1 else _next(scheduler, values, near, value)
    return Moment(values.index(meant), len(values), meant)


def _next(scheduler: Any, values: Sequence[float], near: Set[float], value: float) -> float:
    """Which of several timesteps comes next, as the scheduler counts its steps.

    Raises:
        SamplerError: it counts none, or another one.
    """
    counted: int | None = getattr(scheduler, "step_index", -1)
    begun: int | None = getattr(scheduler, "begin_index", None)
    index: int = (begun or 0) if counted is None else counted  # it counts from its first step on
    if not 0 <= index < len(values) or values[index] not in near:
        raise SamplerError(
            f"the denoiser was called at timestep {value:g}, which is rounded so much that it could be any of {len(near)} steps, "
            f"and {type(scheduler).__name__} does not tell which one comes next",
            hint="take fewer steps, or a scheduler of diffusers that counts its steps (it has a step_index), such as UniPC",
        )
    return values[index]


def _rounding(timestep: Any, value: float) -> float:
    """By how much a timestep may differ from the schedule's: by its own precision, or by being cut to a whole number."""
    if isinstance(timestep, int) or (isinstance(timestep, Tensor) and not timestep.is_floating_point()):
        return 1.0 - 1e-6
    dtype = timestep.dtype if isinstance(timestep, Tensor) else torch.float32
    return torch.finfo(dtype).eps * max(1.0, abs(value))
