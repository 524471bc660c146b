"""DDIM with the noise of eta 1 at zero terminal SNR, where the stock scheduler's first step is NaN."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler, DDIMSchedulerOutput
from diffusers.utils.torch_utils import randn_tensor  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor


class ClampedDDIMScheduler(DDIMScheduler):
    """diffusers' DDIM, with ``1 - a_prev - sigma**2`` kept from rounding below 0 (where its square root is NaN).

    At the first step of a schedule with zero terminal SNR, ``a_t = 0`` makes ``sigma**2 = eta**2 (1 - a_prev)``: with eta 1 the
    difference is 0 in exact arithmetic and about -6e-8 in float32. Elsewhere the steps are the stock scheduler's, bit for bit.
    """

    def step(
        self,
        model_output: Tensor,
        timestep: int,
        sample: Tensor,
        eta: float = 0.0,
        use_clipped_model_output: bool = False,
        generator: torch.Generator | None = None,
        variance_noise: Tensor | None = None,
        return_dict: bool = True,
    ) -> DDIMSchedulerOutput | tuple[Tensor, ...]:
        """One step of DDIM (Song et al., ICLR 2021, formulas 12 and 16); the arguments are the stock scheduler's."""
        stock: Any = partial(
            cast(Any, super()).step, model_output, timestep, sample, use_clipped_model_output=use_clipped_model_output
        )
        if not self._rounds_below_zero(timestep, eta):
            return stock(eta=eta, generator=generator, variance_noise=variance_noise, return_dict=return_dict)
        # The direction's coefficient is 0, which leaves the clean sample and fresh noise.
        clean: Tensor = stock(eta=0.0, return_dict=False)[1]
        if variance_noise is None:
            shape, device, dtype = model_output.shape, model_output.device, model_output.dtype
            variance_noise = randn_tensor(shape, generator=generator, device=device, dtype=dtype)
        previous = self._previous(timestep)
        sigma = eta * self._get_variance(timestep, previous) ** 0.5
        before = self._kept(previous) ** 0.5 * clean + sigma * variance_noise
        return DDIMSchedulerOutput(before, clean) if return_dict else (before, clean)

    def _rounds_below_zero(self, timestep: int, eta: float) -> bool:
        previous = self._previous(timestep)
        sigma = eta * self._get_variance(timestep, previous) ** 0.5
        return bool(1 - self._kept(previous) - sigma**2 < 0)

    def _previous(self, timestep: int) -> int:
        """The timestep that a step leads to."""
        return int(timestep) - self.config["num_train_timesteps"] // self.num_inference_steps

    def _kept(self, timestep: int) -> Tensor:
        """``a``, the share of signal in the variance at a timestep."""
        return self.alphas_cumprod[timestep] if timestep >= 0 else torch.as_tensor(self.final_alpha_cumprod)
