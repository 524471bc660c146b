"""Flow matching over Mochi's noise levels."""

from __future__ import annotations

from typing import Any, cast

import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

THRESHOLD = 0.025
"""How much of the noise the first half of the steps takes away."""


class FlowMatchLinearQuadraticScheduler(FlowMatchEulerDiscreteScheduler):
    """``FlowMatchEulerDiscreteScheduler``, whose noise levels fall slowly at first: see `levels`."""

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        sigmas: list[float] | None = None,
        mu: float | None = None,
        timesteps: list[float] | None = None,
    ) -> None:
        """Set the steps; the arguments are the stock scheduler's.

        Raises:
            ValueError: there is one step alone.
        """
        if sigmas is None and timesteps is None and num_inference_steps is not None:
            sigmas = levels(num_inference_steps)
        cast(Any, super()).set_timesteps(num_inference_steps, device=device, sigmas=sigmas, mu=mu, timesteps=timesteps)


def levels(steps: int) -> list[float]:
    """The noise levels that Mochi's steps begin at.

    With ``l = steps // 2``, ``q = steps - l`` and ``t`` the threshold, what is taken away before a step is ``t i / l`` in the
    first ``l`` steps, then ``t + t j / l + k j**2`` with ``k = (1 - t - t q / l) / q**2``: a straight line and a parabola that
    touches it, and would be 1 after the last step (the authors' schedule).

    Raises:
        ValueError: there is one step alone.
    """
    linear = steps // 2
    if not linear:
        raise ValueError("its schedule has a first half and a second one")
    rest = steps - linear
    curve = (1.0 - THRESHOLD - THRESHOLD * rest / linear) / rest**2
    straight = [THRESHOLD * step / linear for step in range(linear)]
    bent = [THRESHOLD + THRESHOLD * step / linear + curve * step**2 for step in range(rest)]
    return [1.0 - taken for taken in (*straight, *bent)]
