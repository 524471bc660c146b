"""What a Cosmos Predict 2.5 model takes: its real networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from diffusers.models.transformers.transformer_cosmos import CosmosTransformer3DModel
from torch import nn
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from vstar_sdk.models.cosmos.family import readers
from vstar_sdk.models.cosmos.text import TOKENS
from vstar_sdk.models.diffusers.configured import network_from, text_config_from
from vstar_sdk.models.diffusers.frame_text import folded_frames
from vstar_sdk.models.diffusers.measuring import cost_of, weight_bytes
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.wan.decoding import CausalDecoder
from vstar_sdk.weights.directory import read_config


def estimate(directory: Path, workload: Workload) -> Estimate:
    """Count what a workload takes; the guardrail's own networks are not counted, and neither are tiles of the decoder.

    Args:
        directory: of the pipeline.
        workload: what will be asked for.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    dtype = getattr(torch, workload.dtype)
    config = read_config(directory, "transformer/config.json")
    with torch.device("meta"):
        # Without the channel of the padding mask, which is one of many: it is made by torchvision.
        network: Any = network_from(CosmosTransformer3DModel, config | {"concat_padding_mask": False})
        vae: Any = network_from(AutoencoderKLWan, read_config(directory, "vae/config.json"))
        text_encoder = Qwen2_5_VLForConditionalGeneration(
            text_config_from(Qwen2_5_VLConfig, read_config(directory, "text_encoder/config.json"))
        )
    for module in (network, vae, text_encoder):
        nn.Module.to(module, dtype)
    ratio, channels = vae.config["scale_factor_spatial"], vae.config["z_dim"]
    frames = (workload.frames - 1) // vae.config["scale_factor_temporal"] + 1
    size = (workload.height // ratio, workload.width // ratio)

    def denoise() -> object:
        shape = (workload.branches, channels, frames, *size)
        latents = torch.empty(shape, dtype=dtype, device="meta")
        read = config["crossattn_proj_in_channels"] if config.get("use_crossattn_projection") else config["text_embed_dim"]
        text = torch.empty((workload.branches * frames, TOKENS, read), dtype=dtype, device="meta")
        with folded_frames(readers(network), frames):
            return network(
                latents,
                torch.empty((workload.branches, 1, frames, 1, 1), device="meta"),
                text,
                condition_mask=latents[:, :1],
                return_dict=False,
            )

    def decode(count: int) -> object:
        decoder = CausalDecoder(vae)
        for _ in range(count):
            decoder(torch.empty((1, channels, 1, *size), dtype=dtype, device="meta"))
        return decoder  # whose memory of the past is counted

    call, first, three = cost_of(denoise), cost_of(lambda: decode(1)), cost_of(lambda: decode(3))
    return Estimate(
        weights={
            "text encoder": weight_bytes(text_encoder),
            "denoiser": weight_bytes(network),
            "decoder": weight_bytes(vae),
        },
        call_flops=call.flops,
        call_bytes=call.peak_bytes,
        decode_flops=first.flops + (three.flops - first.flops) // 2 * (frames - 1),
        decode_bytes=three.peak_bytes if frames > 1 else first.peak_bytes,
    )
