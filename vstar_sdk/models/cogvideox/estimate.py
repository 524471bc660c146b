"""What a CogVideoX model takes: its real networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import AutoencoderKLCogVideoX
from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXTransformer3DModel
from torch import nn
from transformers import T5Config, T5EncoderModel

from vstar_sdk.models.cogvideox.decoding import CausalDecoder, at_once
from vstar_sdk.models.cogvideox.positions import rotary_positions
from vstar_sdk.models.diffusers.configured import network_from, text_config_from
from vstar_sdk.models.diffusers.measuring import cost_of, weight_bytes
from vstar_sdk.models.estimates import Estimate, Workload
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
    dtype, meta = getattr(torch, workload.dtype), torch.device("meta")
    with meta:
        network: Any = network_from(CogVideoXTransformer3DModel, read_config(directory, "transformer/config.json"))
        vae: Any = network_from(AutoencoderKLCogVideoX, read_config(directory, "vae/config.json"))
        text_encoder = T5EncoderModel(text_config_from(T5Config, read_config(directory, "text_encoder/config.json")))
    for module in (network, vae, text_encoder):
        nn.Module.to(module, dtype)
    ratio = 2 ** (len(vae.config["block_out_channels"]) - 1)
    frames = (workload.frames - 1) // int(vae.config["temporal_compression_ratio"]) + 1
    height, width = workload.height // ratio, workload.width // ratio

    def empty(*shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device=meta)

    def denoise() -> object:
        config = network.config
        return network(
            hidden_states=empty(workload.branches, frames, config.in_channels, height, width),
            encoder_hidden_states=empty(workload.branches, config.max_text_seq_length, config.text_embed_dim),
            timestep=torch.empty(workload.branches, dtype=torch.int64, device=meta),
            image_rotary_emb=rotary_positions(config, frames, height, width, meta),
            return_dict=False,
        )

    def decode(parts: list[int]) -> object:
        decoder = CausalDecoder(vae)
        for part in parts:
            decoder(empty(1, vae.config["latent_channels"], part, height, width))
        return decoder  # whose memory of the past is counted

    parts = at_once(frames, vae)
    call, first, two = cost_of(denoise), cost_of(lambda: decode(parts[:1])), cost_of(lambda: decode(parts[:2]))
    return Estimate(
        weights={
            "text encoder": weight_bytes(text_encoder),
            "denoiser": weight_bytes(network),
            "decoder": weight_bytes(vae),
        },
        call_flops=call.flops,
        call_bytes=call.peak_bytes,
        decode_flops=first.flops + (two.flops - first.flops) * (len(parts) - 1),
        decode_bytes=two.peak_bytes,
    )
