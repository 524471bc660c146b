"""UniPC whose timesteps are its noise levels, not rounded."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler


class FlowUniPCMultistepScheduler(UniPCMultistepScheduler):
    """``UniPCMultistepScheduler``, whose timesteps are ``1000`` times the noise levels as they are.

    The stock one rounds them down to whole numbers, and Cosmos Predict 2.5 is given the noise level itself.
    """

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        sigmas: list[float] | None = None,
        mu: float | None = None,
    ) -> None:
        """Set the steps; the arguments are the stock scheduler's."""
        stock: Any = super()
        stock.set_timesteps(num_inference_steps, device=device, sigmas=sigmas, mu=mu)
        own: Any = self
        own.timesteps = own.sigmas[: len(own.timesteps)].to(own.timesteps.device) * own.config.num_train_timesteps
