"""What a model takes whose frames are decoded one by one and whose text encoder is CLIP's, without its weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from vstar_sdk.models.diffusers.configured import network_from, text_config_from
from vstar_sdk.models.diffusers.measuring import cost_of, weight_bytes
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.weights.directory import read_config


def framewise_estimate(
    unet: Any,
    denoise: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], object],
    directory: Path,
    workload: Workload,
    options: FramewiseOptions,
) -> Estimate:
    """Count what a workload takes.

    Args:
        unet: the denoiser, on the meta device.
        denoise: calls it with latents ``(branches, channels, frames, height, width)``, a timestep and the text of every frame
            ``(branches, frames, tokens, dim)``.
        directory: with ``vae`` and ``text_encoder``.
        workload: what will be asked for.
        options: how the frames are decoded.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    dtype = getattr(torch, workload.dtype)
    with torch.device("meta"):
        vae: Any = network_from(AutoencoderKL, read_config(directory, "vae/config.json"))
        text_encoder = CLIPTextModel(text_config_from(CLIPTextConfig, read_config(directory, "text_encoder/config.json")))
    for module in (unet, vae, text_encoder):
        nn.Module.to(module, dtype).eval()
    if options.tiling:
        vae.enable_tiling()
    factor = 2 ** (len(vae.config["block_out_channels"]) - 1)
    size = (workload.height // factor, workload.width // factor)
    tokens = (text_encoder.config.max_position_embeddings, unet.config["cross_attention_dim"])

    def empty(*shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device="meta")

    def call() -> object:
        latents = empty(workload.branches, unet.config["in_channels"], workload.frames, *size)
        text = empty(workload.branches, workload.frames, *tokens)
        return denoise(latents, torch.empty((), dtype=torch.int64, device="meta"), text)

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
