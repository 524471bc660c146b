"""What a run samples with, in one call each: its noise, its schedulers, its loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from vstar_sdk.clock import Clock
from vstar_sdk.options import GuidanceOptions, Options
from vstar_sdk.plugin.discovery import built_in_catalog
from vstar_sdk.sampling.cfg import Cfg
from vstar_sdk.sampling.denoising import Denoising
from vstar_sdk.sampling.gaussian import Gaussian
from vstar_sdk.sampling.guided import GuidanceBatch, Guided
from vstar_sdk.sampling.noise import folded, step_noise
from vstar_sdk.sampling.sampler import Sampler, denoise
from vstar_sdk.sampling.schedulers import step_arguments
from vstar_sdk.sampling.single import Single

CATALOG = built_in_catalog()
SCHEDULERS = tuple(part.name for part in CATALOG.parts("schedulers") if part.name != "diffusers")
"""The short names, those included that model families offer."""


EPSILON = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "clip_sample": False,
    "steps_offset": 1,
}
ZERO_SNR = {
    **EPSILON,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
    "steps_offset": 0,
}
"""Configurations of schedulers: of a model that predicts the noise, and of one trained at zero terminal SNR."""


def walked(scheduler: Any, eta: float = 0.0, steps: int = 3) -> Tensor:
    """A few steps towards a smooth "prediction", which stands for a network."""
    extra = step_arguments(scheduler, eta, step_noise(0))
    scheduler.set_timesteps(steps)
    latents = torch.randn(1, 4, 2, 8, 8, generator=torch.Generator().manual_seed(0)) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        predicted = torch.tanh(scheduler.scale_model_input(latents, timestep))
        latents = scheduler.step(predicted, timestep, latents, return_dict=False, **extra)[0]
    return latents


def gaussian(shape: Sequence[int], seed: int) -> Tensor:
    """The noise that a run of a seed begins with."""
    generator = torch.Generator().manual_seed(folded(seed))
    return Gaussian(Options()).draw(shape, Clock(shape[2] if len(shape) == 5 else 1, 8.0), generator)


def scheduler_for(name: str, config: Mapping[str, Any]) -> Any:
    """A scheduler of a short name or a class's for the configuration of a model."""
    return CATALOG.make("schedulers", name).make(config)


@torch.no_grad()
def denoised(
    adapter: Any,
    text: Tensor,
    negative: Tensor,
    noise: Tensor,
    scheduler: Any,
    *,
    steps: int,
    guidance: float,
    guidance_batch: GuidanceBatch = "one",
    nursing: Any = None,
    until: int | None = None,
    sampler: Sampler | None = None,
    **options: Any,
) -> Tensor:
    """The latents that a run makes of noise under classifier-free guidance, or those where it was stopped.

    Args:
        adapter: the loaded model.
        text: ``(frames, tokens, dim)``.
        negative: ``(tokens, dim)``.
        noise: see `Denoising`, as are ``scheduler``, ``steps`` and ``options``.
        scheduler: see ``noise``.
        steps: see ``noise``.
        guidance: its scale.
        guidance_batch: one call for both branches, or two.
        nursing: of the denoiser.
        until: steps after which to stop.
        sampler: None for `Single`.
        options: see ``noise``.
    """
    guided = Guided(adapter, text, negative, Cfg(GuidanceOptions()), guidance, guidance_batch, nursing)
    denoising = Denoising(guided, noise, scheduler, steps, nursing=nursing, **options)
    latents = denoise(sampler or Single(), denoising, until=until)
    return denoising.latents if latents is None else latents
