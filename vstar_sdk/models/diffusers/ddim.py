"""DDIM (Song et al., ICLR 2021), in PyTorch alone.

The steps are those of diffusers' ``DDIMScheduler``, bit for bit, whose import takes longer than a short run samples. One thing
differs: with the noise of eta 1 and zero terminal SNR the stock scheduler's first step is NaN.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor


class Stepped(NamedTuple):
    """What a step gives, with the names of diffusers."""

    prev_sample: Tensor
    pred_original_sample: Tensor


class Configuration(dict[str, Any]):
    """The options of a scheduler, by key or as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class ClampedDDIMScheduler:
    """DDIM, with ``1 - a_prev - sigma**2`` kept from rounding below 0 (where its square root is NaN).

    At the first step of a schedule with zero terminal SNR, ``a_t = 0`` makes ``sigma**2 = eta**2 (1 - a_prev)``: with eta 1 the
    difference is 0 in exact arithmetic and about -6e-8 in float32.

    Args:
        num_train_timesteps: of the training.
        beta_start: the first beta.
        beta_end: the last beta.
        beta_schedule: how the betas lie between them.
        trained_betas: the betas themselves, in the place of a schedule.
        clip_sample: whether the predicted clean sample is clipped.
        set_alpha_to_one: the last step leads to ``a = 1``; else to that of timestep 0.
        steps_offset: added to the timesteps of the spacing ``leading``.
        prediction_type: what the network predicts.
        thresholding: dynamic thresholding (Saharia et al., arXiv 2205.11487) of the predicted clean sample.
        dynamic_thresholding_ratio: its percentile.
        clip_sample_range: where the sample is clipped.
        sample_max_value: the largest threshold.
        timestep_spacing: table 2 of Lin et al. (arXiv 2305.08891).
        rescale_betas_zero_snr: algorithm 1 of the same: no signal is left at the last timestep.

    Raises:
        ValueError: a schedule, spacing or prediction type that does not exist.
    """

    order = 1
    init_noise_sigma = 1.0

    def __init__(
        self,
        num_train_timesteps: int = 1000,
        beta_start: float = 0.0001,
        beta_end: float = 0.02,
        beta_schedule: str = "linear",
        trained_betas: list[float] | None = None,
        clip_sample: bool = True,
        set_alpha_to_one: bool = True,
        steps_offset: int = 0,
        prediction_type: str = "epsilon",
        thresholding: bool = False,
        dynamic_thresholding_ratio: float = 0.995,
        clip_sample_range: float = 1.0,
        sample_max_value: float = 1.0,
        timestep_spacing: str = "leading",
        rescale_betas_zero_snr: bool = False,
    ) -> None:
        options = inspect.signature(type(self)).parameters
        given = locals()
        self.config = Configuration({name: given[name] for name in options})
        _refuse(prediction_type, "prediction_type", ("epsilon", "sample", "v_prediction"))
        _refuse(timestep_spacing, "timestep_spacing", ("leading", "trailing", "linspace"))
        betas = _betas(self.config)
        self.alphas_cumprod = torch.cumprod(1.0 - (_without_terminal_signal(betas) if rescale_betas_zero_snr else betas), dim=0)
        self.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float32) if set_alpha_to_one else self.alphas_cumprod[0]
        self.num_inference_steps: int | None = None
        self.timesteps = torch.arange(num_train_timesteps - 1, -1, -1)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **changes: Any) -> Self:
        """A scheduler from a configuration, whose other entries are passed over.

        Args:
            config: the model's.
            changes: options that go before it.
        """
        options = inspect.signature(cls).parameters
        return cls(**{name: value for name, value in {**config, **changes}.items() if name in options})

    def to_json_string(self) -> str:
        """The configuration as JSON."""
        return json.dumps({"_class_name": type(self).__name__, **self.config})

    def scale_model_input(self, sample: Tensor, timestep: Any = None) -> Tensor:
        """The sample as it is."""
        del timestep
        return sample

    def set_timesteps(self, num_inference_steps: int, device: Any = None) -> None:
        """Space the timesteps of a schedule.

        Args:
            num_inference_steps: of the schedule.
            device: of the timesteps.

        Raises:
            ValueError: more steps than the training had, or one that lies behind it.
        """
        trained: int = self.config["num_train_timesteps"]
        offset: int = self.config["steps_offset"]
        if num_inference_steps > trained:
            raise ValueError(f"the model was trained with {trained} timesteps, so it takes at most {trained} steps")
        self.num_inference_steps = num_inference_steps
        # numpy's ranges, for torch's round the steps between differently, and many lie on a half.
        spaced: list[float]
        match self.config["timestep_spacing"]:
            case "linspace":
                spaced = np.rint(np.linspace(0, trained - 1, num_inference_steps))[::-1].tolist()
            case "trailing":
                spaced = (np.rint(np.arange(trained, 0, -trained / num_inference_steps)) - 1).tolist()
            case _:
                spaced = [at * (trained // num_inference_steps) + offset for at in reversed(range(num_inference_steps))]
        timesteps = torch.tensor([int(at) for at in spaced])
        if timesteps[0] >= trained:
            raise ValueError(f"with steps_offset {offset} they begin after the {trained} of the training")
        if offset < 0 and timesteps[-1] < 0:
            raise ValueError(f"with steps_offset {offset} they end before the first of the training")
        self.timesteps = timesteps.to(device)

    def step(
        self,
        model_output: Tensor,
        timestep: Any,
        sample: Tensor,
        eta: float = 0.0,
        use_clipped_model_output: bool = False,
        generator: torch.Generator | None = None,
        variance_noise: Tensor | None = None,
        return_dict: bool = True,
    ) -> Stepped:
        """One step (formulas 12 and 16).

        Args:
            model_output: the network's prediction.
            timestep: of the step.
            sample: before the step.
            eta: 0 (deterministic) to 1 (as noisy as DDPM).
            use_clipped_model_output: make the noise again from the clipped clean sample.
            generator: of the step's noise.
            variance_noise: the step's noise itself.
            return_dict: for callers of diffusers' schedulers; the result answers to both, as a tuple and by names.

        Raises:
            ValueError: the timesteps are not set.
        """
        del return_dict
        if self.num_inference_steps is None:
            raise ValueError("call set_timesteps before the first step")
        previous = timestep - self.config["num_train_timesteps"] // self.num_inference_steps
        kept = self.alphas_cumprod[timestep]
        kept_before = self.alphas_cumprod[previous] if previous >= 0 else self.final_alpha_cumprod
        lost = 1 - kept
        clean, noise = self._split(model_output, sample, kept, lost)
        if self.config["thresholding"]:
            clean = self._thresholded(clean)
        elif self.config["clip_sample"]:
            clean = clean.clamp(-self.config["clip_sample_range"], self.config["clip_sample_range"])
        sigma = eta * ((1 - kept_before) / lost * (1 - kept / kept_before)) ** 0.5
        if use_clipped_model_output:
            noise = (sample - kept**0.5 * clean) / lost**0.5
        direction = (1 - kept_before - sigma**2).clamp(min=0.0) ** 0.5 * noise
        before = kept_before**0.5 * clean + direction
        if eta > 0:
            before = before + sigma * (_noise_like(model_output, generator) if variance_noise is None else variance_noise)
        return Stepped(before, clean)

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """The forward process: samples at their timesteps, ``sqrt(a) x + sqrt(1 - a) noise``.

        Args:
            original_samples: ``(samples, ...)``.
            noise: of that shape.
            timesteps: one for each sample.
        """
        kept = self.alphas_cumprod.to(original_samples.device, original_samples.dtype)[timesteps.to(original_samples.device)]
        kept = kept.flatten().reshape(-1, *[1] * (original_samples.ndim - 1))
        return kept**0.5 * original_samples + (1 - kept) ** 0.5 * noise

    def __len__(self) -> int:
        """Timesteps of the training."""
        return self.config["num_train_timesteps"]

    def _split(self, predicted: Tensor, sample: Tensor, kept: Tensor, lost: Tensor) -> tuple[Tensor, Tensor]:
        """The clean sample and the noise that a prediction means."""
        match self.config["prediction_type"]:
            case "epsilon":
                return (sample - lost**0.5 * predicted) / kept**0.5, predicted
            case "sample":
                return predicted, (sample - kept**0.5 * predicted) / lost**0.5
            case _:
                return kept**0.5 * sample - lost**0.5 * predicted, kept**0.5 * predicted + lost**0.5 * sample

    def _thresholded(self, clean: Tensor) -> Tensor:
        numbers = clean.float() if clean.dtype not in (torch.float32, torch.float64) else clean
        numbers = numbers.flatten(1)
        limit = torch.quantile(numbers.abs(), self.config["dynamic_thresholding_ratio"], dim=1)
        limit = limit.clamp(min=1, max=self.config["sample_max_value"]).unsqueeze(1)
        return (numbers.clamp(-limit, limit) / limit).reshape(clean.shape).to(clean.dtype)


def _betas(config: Configuration) -> Tensor:
    if config.trained_betas is not None:
        return torch.tensor(config.trained_betas, dtype=torch.float32)
    steps, start, end = config.num_train_timesteps, config.beta_start, config.beta_end
    schedule: Literal["linear", "scaled_linear", "squaredcos_cap_v2"] = config.beta_schedule
    _refuse(schedule, "beta_schedule", ("linear", "scaled_linear", "squaredcos_cap_v2"))
    if schedule == "linear":
        return torch.linspace(start, end, steps, dtype=torch.float32)
    if schedule == "scaled_linear":
        return torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float32) ** 2

    def kept(share: float) -> float:
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - kept((step + 1) / steps) / kept(step / steps), 0.999) for step in range(steps)]
    return torch.tensor(betas, dtype=torch.float32)


def _without_terminal_signal(betas: Tensor) -> Tensor:
    """Betas rescaled so that the last timestep keeps nothing of the signal (Lin et al., algorithm 1)."""
    roots = torch.cumprod(1.0 - betas, dim=0).sqrt()
    first, last = roots[0].clone(), roots[-1].clone()
    kept = ((roots - last) * (first / (first - last))) ** 2
    return 1 - torch.cat([kept[:1], kept[1:] / kept[:-1]])


def _noise_like(sample: Tensor, generator: torch.Generator | None) -> Tensor:
    """Noise from the generator's own device, so that a seed means the same everywhere."""
    device = sample.device if generator is None else generator.device
    return torch.randn(sample.shape, generator=generator, device=device, dtype=sample.dtype).to(sample.device)


def _refuse(value: object, option: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{option} {value!r}: it is one of {', '.join(known)}")
