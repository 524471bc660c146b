"""What a run samples with, in one call each: its noise, its schedulers, its loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from vstar_sdk.clock import Clock
from vstar_sdk.options import GuidanceOptions, Options
from vstar_sdk.sampling.cfg import Cfg
from vstar_sdk.sampling.denoising import Denoising
from vstar_sdk.sampling.gaussian import Gaussian
from vstar_sdk.sampling.guided import GuidanceBatch, Guided
from vstar_sdk.sampling.noise import folded
from vstar_sdk.sampling.sampler import Sampler, denoise
from vstar_sdk.sampling.schedulers import named
from vstar_sdk.sampling.single import Single


def gaussian(shape: Sequence[int], seed: int) -> Tensor:
    """The noise that a run of a seed begins with."""
    generator = torch.Generator().manual_seed(folded(seed))
    return Gaussian(Options()).draw(shape, Clock(shape[2] if len(shape) == 5 else 1, 8.0), generator)


def scheduler_for(name: str, config: Mapping[str, Any]) -> Any:
    """A scheduler of a short name or a class's for the configuration of a model."""
    return named(name).make(config)


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
