"""DDIM for a model whose clean signal was scaled down in training, as VideoCrafter2's was."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import configuration_utils
from diffusers.configuration_utils import ConfigMixin
from diffusers.schedulers.scheduling_ddim import DDIMSchedulerOutput
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from diffusers.utils import torch_utils
from torch import Tensor

_configuration: Any = configuration_utils  # typed in part
_random: Any = torch_utils  # likewise


class ScaledDDIMScheduler(SchedulerMixin, ConfigMixin):
    """DDIM (Song et al., ICLR 2021, formulas 12 and 16) with a signal scale: ``x_t = s_t sqrt(a_t) x0 + sqrt(1 - a_t) e``.

    ``s_t`` falls linearly from 1 to ``signal_scale`` over the first ``signal_scale_steps`` timesteps and stays there. A step
    divides what the prediction takes for the clean signal by ``s_t`` and multiplies it by ``s`` of the timestep it leads to; the
    share of noise, sigma included, comes from ``a`` alone. The last step leads to ``a`` and ``s`` of timestep 0.

    The schedule is kept in float64; latents keep their own precision.

    Args:
        num_train_timesteps: of the training.
        beta_start: the first beta.
        beta_end: the last beta.
        beta_schedule: ``scaled_linear``: the square roots of the betas are evenly spaced.
        prediction_type: ``epsilon``: the network predicts the noise.
        signal_scale: ``s`` at its end, in (0, 1].
        signal_scale_steps: timesteps over which it falls.

    Raises:
        ValueError: another beta schedule or prediction type, or a scale outside (0, 1].
    """

    order = 1
    init_noise_sigma = 1.0

    @_configuration.register_to_config
    def __init__(
        self,
        num_train_timesteps: int = 1000,
        beta_start: float = 0.00085,
        beta_end: float = 0.012,
        beta_schedule: str = "scaled_linear",
        prediction_type: str = "epsilon",
        signal_scale: float = 0.7,
        signal_scale_steps: int = 400,
    ) -> None:
        if beta_schedule != "scaled_linear" or prediction_type != "epsilon":
            raise ValueError("only beta_schedule scaled_linear with prediction_type epsilon has a signal scale")
        if not 0.0 < signal_scale <= 1.0 or not 1 <= signal_scale_steps <= num_train_timesteps:
            raise ValueError(
                f"signal_scale {signal_scale} over {signal_scale_steps} steps: it must fall from 1 to a value above 0"
            )
        betas = torch.linspace(beta_start**0.5, beta_end**0.5, num_train_timesteps, dtype=torch.float64) ** 2
        self.alphas_cumprod = torch.cumprod(1.0 - betas, dim=0)
        flat = torch.full((num_train_timesteps - signal_scale_steps,), signal_scale, dtype=torch.float64)
        self.signal_scales = torch.cat([torch.linspace(1.0, signal_scale, signal_scale_steps, dtype=torch.float64), flat])
        self.num_inference_steps: int | None = None
        self.timesteps = torch.arange(num_train_timesteps - 1, -1, -1)
        self._next: dict[int, int] = {}

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """Take ``S`` steps at ``t_i = floor(i T / S) + 1``, i from S - 1 to 0.

        Where S divides T these are ``range(0, T, T // S) + 1``; where it does not, that range would have more than S.

        Args:
            num_inference_steps: S, less than T.
            device: of `timesteps`.

        Raises:
            ValueError: S is not from 1 to T - 1.
        """
        trained: int = self.config["num_train_timesteps"]
        if not 1 <= num_inference_steps < trained:
            raise ValueError(f"it takes 1 to {trained - 1} steps")
        rising = [step * trained // num_inference_steps + 1 for step in range(num_inference_steps)]
        self.num_inference_steps = num_inference_steps
        self.timesteps = torch.tensor(rising[::-1], device=device)
        self._next = dict(zip(rising, [0, *rising[:-1]], strict=True))

    def scale_model_input(self, sample: Tensor, timestep: Any = None) -> Tensor:
        """The latents as they are."""
        del timestep
        return sample

    def step(
        self,
        model_output: Tensor,
        timestep: Any,
        sample: Tensor,
        eta: float = 0.0,
        generator: torch.Generator | None = None,
        variance_noise: Tensor | None = None,
        return_dict: bool = True,
    ) -> DDIMSchedulerOutput | tuple[Tensor, Tensor]:
        """One step.

        Args:
            model_output: the predicted noise.
            timestep: one of `timesteps`.
            sample: the latents at it.
            eta: 0 (deterministic) to 1 (as noisy as DDPM).
            generator: of the step's noise.
            variance_noise: the step's noise itself, standard normal.
            return_dict: for an object in place of a tuple.

        Returns:
            The latents after the step, and the clean signal that was predicted.
        """
        here = int(timestep)
        there = self._next[here]
        a, a_there = self.alphas_cumprod[here].item(), self.alphas_cumprod[there].item()
        s_there = self.signal_scales[there].item()
        sigma = eta * ((1.0 - a_there) / (1.0 - a) * (1.0 - a / a_there)) ** 0.5
        clean = self.clean(sample, model_output, timestep)
        before = s_there * a_there**0.5 * clean + (1.0 - a_there - sigma**2) ** 0.5 * model_output
        if sigma > 0.0:
            if variance_noise is None:
                shape, device, dtype = model_output.shape, model_output.device, model_output.dtype
                variance_noise = _random.randn_tensor(shape, generator=generator, device=device, dtype=dtype)
            before = before + sigma * variance_noise
        return DDIMSchedulerOutput(before, clean) if return_dict else (before, clean)

    def clean(self, seen: Tensor, prediction: Tensor, timestep: Any) -> Tensor:
        """The clean latents that a prediction stands for; see `vstar_sdk.sampling.clean`."""
        at = int(timestep)
        a, s = self.alphas_cumprod[at].item(), self.signal_scales[at].item()
        return (seen - (1.0 - a) ** 0.5 * prediction) / (s * a**0.5)

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """``s_t sqrt(a_t) x0 + sqrt(1 - a_t) e``, a timestep for each sample of the batch."""
        at = timesteps.to("cpu")
        shape = (-1, *[1] * (original_samples.ndim - 1))
        signal = (self.signal_scales[at] * self.alphas_cumprod[at] ** 0.5).reshape(shape).to(original_samples)
        share = ((1.0 - self.alphas_cumprod[at]) ** 0.5).reshape(shape).to(original_samples)
        return signal * original_samples + share * noise

    def __len__(self) -> int:
        return self.config["num_train_timesteps"]
