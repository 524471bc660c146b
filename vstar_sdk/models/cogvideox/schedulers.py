"""CogVideoX's two schedulers, with the same steps as all others: ``step(prediction, timestep, latents)``.

Their noise levels are those of a diffusion model whose signal-to-noise ratio is shifted (``snr_shift_scale``).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from diffusers.schedulers.scheduling_ddim import DDIMSchedulerOutput
from diffusers.schedulers.scheduling_ddim_cogvideox import CogVideoXDDIMScheduler
from diffusers.schedulers.scheduling_dpm_cogvideox import CogVideoXDPMScheduler
from torch import Tensor


class CogVideoXDDIM(CogVideoXDDIMScheduler):
    """``CogVideoXDDIMScheduler``, whose steps take an eta and do nothing with it, without the eta."""

    def step(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, model_output: Tensor, timestep: Tensor, sample: Tensor, return_dict: bool = True
    ) -> DDIMSchedulerOutput | tuple[Tensor, ...]:
        """One step.

        Args:
            model_output: the prediction.
            timestep: 0-d.
            sample: the latents.
            return_dict: whether to return an object.

        Returns:
            The latents after the step, and the predicted clean ones.
        """
        return cast(Any, super()).step(model_output, timestep, sample, return_dict=return_dict)


class CogVideoXDPM(CogVideoXDPMScheduler):
    """``CogVideoXDPMScheduler``, which keeps by itself what its pipeline hands from step to step."""

    previous: Tensor | None = None
    """The clean latents that the last step predicted."""
    back: Tensor | None = None
    """The timestep of the last step."""

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """Begin again: see ``CogVideoXDPMScheduler.set_timesteps``."""
        cast(Any, super()).set_timesteps(num_inference_steps, device=device)
        self.previous = self.back = None

    def step(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        model_output: Tensor,
        timestep: Tensor,
        sample: Tensor,
        generator: torch.Generator | None = None,
        return_dict: bool = True,
    ) -> DDIMSchedulerOutput | tuple[Tensor, ...]:
        """One step; the arguments are those of any scheduler.

        Args:
            model_output: the prediction.
            timestep: 0-d.
            sample: the latents.
            generator: of the noise that is added.
            return_dict: whether to return an object.

        Returns:
            The latents after the step, and the predicted clean ones.
        """
        stepped: tuple[Tensor, Tensor] = cast(Any, super()).step(
            model_output, self.previous, timestep, self.back, sample, generator=generator, return_dict=False
        )
        self.previous, self.back = stepped[1], timestep
        return DDIMSchedulerOutput(*stepped) if return_dict else stepped
