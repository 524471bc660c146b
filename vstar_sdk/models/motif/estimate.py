"""What a Motif-Video model takes: its real networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from diffusers.models.transformers.transformer_motif_video import MotifVideoTransformer3DModel
from torch import nn
from transformers import T5Gemma2Encoder, T5Gemma2EncoderConfig

from vstar_sdk.models.diffusers.configured import network_from, text_config_from
from vstar_sdk.models.diffusers.measuring import cost_of, weight_bytes
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.motif.inputs import call
from vstar_sdk.models.motif.text import TOKENS
from vstar_sdk.models.wan.decoding import CausalDecoder
from vstar_sdk.weights.directory import read_config


def estimate(directory: Path, workload: Workload) -> Estimate:
    """Count what a workload takes, with one text of the most tokens.

    Tiles of the decoder are not counted: without them it takes more.

    Args:
        directory: of the pipeline.
        workload: what will be asked for.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    dtype, meta = getattr(torch, workload.dtype), torch.device("meta")
    with meta:
        network: Any = network_from(MotifVideoTransformer3DModel, read_config(directory, "transformer/config.json"))
        vae: Any = network_from(AutoencoderKLWan, read_config(directory, "vae/config.json"))
        text_encoder: Any = T5Gemma2Encoder(
            text_config_from(T5Gemma2EncoderConfig, read_config(directory, "text_encoder/config.json"))
        )
    for module in (network, vae, text_encoder):
        nn.Module.to(module, dtype)
    ratio, channels = vae.config["scale_factor_spatial"], vae.config["z_dim"]
    frames = (workload.frames - 1) // vae.config["scale_factor_temporal"] + 1
    size = (workload.height // ratio, workload.width // ratio)

    def empty(*shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device=meta)

    def denoise() -> object:
        text = empty(workload.branches, TOKENS, network.config["text_embed_dim"] + 1)
        latents = empty(workload.branches, channels, frames, *size)
        return call(network, latents, torch.empty(workload.branches, device=meta), text)

    def decode(count: int) -> object:
        decoder = CausalDecoder(vae)
        for _ in range(count):
            decoder(empty(1, channels, 1, *size))
        return decoder  # whose memory of the past is counted

    calling, first, three = cost_of(denoise), cost_of(lambda: decode(1)), cost_of(lambda: decode(3))
    return Estimate(
        weights={
            "text encoder": weight_bytes(text_encoder),
            "denoiser": weight_bytes(network),
            "decoder": weight_bytes(vae),
        },
        call_flops=calling.flops,
        call_bytes=calling.peak_bytes,
        decode_flops=first.flops + (three.flops - first.flops) // 2 * (frames - 1),
        decode_bytes=three.peak_bytes if frames > 1 else first.peak_bytes,
    )
