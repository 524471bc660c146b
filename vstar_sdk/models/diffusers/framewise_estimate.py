"""What a model takes whose frames are decoded one by one and whose text encoder is CLIP's, without its weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from vstar_sdk.models.diffusers.measuring import cost_of, weight_bytes
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.pipeline_options import FramewiseOptions


def framewise_estimate(
    unet: Any,
    vae: Any,
    text_encoder: Any,
    denoise: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], object],
    text: tuple[int, int],
    workload: Workload,
    options: FramewiseOptions,
) -> Estimate:
    """Count what a workload takes.

    Args:
        unet: the denoiser, on the meta device.
        vae: the decoder, likewise.
        text_encoder: likewise.
        denoise: calls it with latents ``(branches, channels, frames, height, width)``, a timestep and the text of every frame
            ``(branches, frames, tokens, dim)``.
        text: tokens of a prompt, and channels of each.
        workload: what will be asked for.
        options: how the frames are decoded.
    """
    dtype = getattr(torch, workload.dtype)
    for module in (unet, vae, text_encoder):
        nn.Module.to(module, dtype).eval()
    if options.tiling:
        vae.enable_tiling()
    factor = 2 ** (len(vae.config["block_out_channels"]) - 1)
    size = (workload.height // factor, workload.width // factor)

    def empty(*shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device="meta")

    def call() -> object:
        latents = empty(workload.branches, vae.config["latent_channels"], workload.frames, *size)
        told = empty(workload.branches, workload.frames, *text)
        return denoise(latents, torch.empty((), dtype=torch.int64, device="meta"), told)

    def decode(frames: int) -> Callable[[], object]:
        return lambda: vae.decode(empty(frames, vae.config["latent_channels"], *size), return_dict=False)

    step = cost_of(call)
    batch = cost_of(decode(min(options.decode_batch, workload.frames)))
    return Estimate(
        weights={"text encoder": weight_bytes(text_encoder), "denoiser": weight_bytes(unet), "decoder": weight_bytes(vae)},
        call_flops=step.flops,
        call_bytes=step.peak_bytes,
        decode_flops=cost_of(decode(1)).flops * workload.frames,
        decode_bytes=batch.peak_bytes,
    )
