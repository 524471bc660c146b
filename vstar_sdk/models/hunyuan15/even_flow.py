"""Flow matching over noise levels that are spread evenly before they are shifted."""

from __future__ import annotations

from typing import Any, cast

import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler


class FlowMatchEvenEulerScheduler(FlowMatchEulerDiscreteScheduler):
    """``FlowMatchEulerDiscreteScheduler``, whose ``n`` steps begin at the levels ``1, 1 - 1/n, ...`` before the shift.

    Pipelines such as HunyuanVideo's hand these levels to their scheduler. By itself it spreads the steps over levels that are
    shifted already, and shifts them once more.
    """

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        sigmas: list[float] | None = None,
        mu: float | None = None,
        timesteps: list[float] | None = None,
    ) -> None:
        """Set the steps; the arguments are the stock scheduler's."""
        if sigmas is None and timesteps is None and num_inference_steps is not None:
            sigmas = [1.0 - step / num_inference_steps for step in range(num_inference_steps)]
        cast(Any, super()).set_timesteps(num_inference_steps, device=device, sigmas=sigmas, mu=mu, timesteps=timesteps)
