"""What an LTX model takes: its real networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_ltx import AutoencoderKLLTXVideo
from diffusers.models.transformers.transformer_ltx import LTXVideoTransformer3DModel
from torch import nn
from transformers import T5Config, T5EncoderModel

from vstar_sdk.models.diffusers.configured import network_from, text_config_from
from vstar_sdk.models.diffusers.frame_text import folded_frames
from vstar_sdk.models.diffusers.ltx_tokens import readers
from vstar_sdk.models.diffusers.measuring import weight_bytes
from vstar_sdk.models.diffusers.stack_cost import stack_cost, stream_cost
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.ltx.text import TOKENS
from vstar_sdk.weights.directory import read_config


def estimate(directory: Path, workload: Workload) -> Estimate:
    """Count what a workload takes.

    Tiles of the decoder are not counted: without them it takes more.

    Args:
        directory: of the pipeline.
        workload: what will be asked for.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    dtype = getattr(torch, workload.dtype)
    with torch.device("meta"):
        network: Any = network_from(LTXVideoTransformer3DModel, read_config(directory, "transformer/config.json"))
        vae: Any = network_from(AutoencoderKLLTXVideo, read_config(directory, "vae/config.json"))
        text_encoder = T5EncoderModel(text_config_from(T5Config, read_config(directory, "text_encoder/config.json")))
    for module in (network, vae, text_encoder):
        nn.Module.to(module, dtype)
    ratio, patch = vae.spatial_compression_ratio, network.config["patch_size"]
    frames = (workload.frames - 1) // vae.temporal_compression_ratio + 1
    height, width = workload.height // ratio, workload.width // ratio
    rows, columns = height // patch, width // patch

    def denoise() -> object:
        branches = workload.branches
        latents = torch.empty((branches, frames * rows * columns, network.config["in_channels"]), dtype=dtype, device="meta")
        text = torch.empty((branches, frames * TOKENS, network.config["caption_channels"]), dtype=dtype, device="meta")
        mask = torch.empty((branches * frames, 1, TOKENS), dtype=dtype, device="meta")
        moment = torch.empty(branches, device="meta")
        with folded_frames(readers(network, "attn2"), frames):
            return network(latents, text, moment, mask, frames, rows, columns, (0.32, ratio, ratio), return_dict=False)

    call, decoding = stack_cost(network, denoise), stream_cost(vae, frames, height, width, dtype)
    return Estimate(
        weights={
            "text encoder": weight_bytes(text_encoder),
            "denoiser": weight_bytes(network),
            "decoder": weight_bytes(vae),
        },
        call_flops=call.flops,
        call_bytes=call.peak_bytes,
        decode_flops=decoding.flops,
        decode_bytes=decoding.peak_bytes,
    )
