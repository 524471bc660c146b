"""What a HunyuanVideo 1.5 model takes: its real networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuanvideo15 import AutoencoderKLHunyuanVideo15
from diffusers.models.transformers.transformer_hunyuan_video15 import HunyuanVideo15Transformer3DModel
from torch import nn
from transformers import (
    Qwen2_5_VLTextConfig,
    Qwen2_5_VLTextModel,
    SiglipVisionConfig,
    SiglipVisionModel,
    T5Config,
    T5EncoderModel,
)

from vstar_sdk.models.diffusers.configured import network_from, text_config_from
from vstar_sdk.models.diffusers.measuring import cost_of, weight_bytes
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.hunyuan15.decoding import CausalDecoder
from vstar_sdk.models.hunyuan15.text import Lengths
from vstar_sdk.weights.directory import read_config


def estimate(directory: Path, workload: Workload) -> Estimate:
    """Count what a workload takes.

    The denoiser is counted as so many times its first block, with the mask of tokens by tokens that diffusers makes there; what
    stands before and behind the blocks is little. Tiles of the decoder are not counted: without them it takes more.

    Args:
        directory: of the pipeline.
        workload: what will be asked for.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    dtype, meta = getattr(torch, workload.dtype), torch.device("meta")
    with meta:
        network: Any = network_from(HunyuanVideo15Transformer3DModel, read_config(directory, "transformer/config.json"))
        vae: Any = network_from(AutoencoderKLHunyuanVideo15, read_config(directory, "vae/config.json"))
        encoder: Any = Qwen2_5_VLTextModel(
            text_config_from(Qwen2_5_VLTextConfig, read_config(directory, "text_encoder/config.json"))
        )
        glyphs = T5EncoderModel(text_config_from(T5Config, read_config(directory, "text_encoder_2/config.json")))
        encoders: list[Any] = [encoder, glyphs]
        if network.config["task_type"] == "i2v":
            encoders.append(SiglipVisionModel(SiglipVisionConfig(**read_config(directory, "image_encoder/config.json"))))
    for module in (network, vae, *encoders):
        nn.Module.to(module, dtype)
    ratio = int(vae.config["spatial_compression_ratio"])
    frames = (workload.frames - 1) // int(vae.config["temporal_compression_ratio"]) + 1
    height, width = workload.height // ratio, workload.width // ratio
    patch, heads, head_dim = (network.config[key] for key in ("patch_size", "num_attention_heads", "attention_head_dim"))
    tokens, channels = frames * (height // patch) * (width // patch), heads * head_dim

    def empty(*shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device=meta)

    def block() -> object:
        beside = Lengths()
        text = beside.prompt + beside.glyphs + beside.picture
        angles = torch.empty(tokens, head_dim, device=meta)
        return network.transformer_blocks[0](
            empty(workload.branches, tokens, channels),
            empty(workload.branches, text, channels),
            empty(workload.branches, channels),
            torch.empty(workload.branches, text, dtype=torch.bool, device=meta),
            (angles, angles),
        )

    def decode(count: int) -> object:
        decoder = CausalDecoder(vae)
        for _ in range(count):
            decoder(empty(1, vae.config["latent_channels"], 1, height, width))
        return decoder  # whose memory of the past is counted

    call, first, three = cost_of(block), cost_of(lambda: decode(1)), cost_of(lambda: decode(3))
    return Estimate(
        weights={
            "text encoder": sum(map(weight_bytes, encoders)),
            "denoiser": weight_bytes(network),
            "decoder": weight_bytes(vae),
        },
        call_flops=call.flops * len(network.transformer_blocks),
        call_bytes=call.peak_bytes,
        decode_flops=first.flops + (three.flops - first.flops) // 2 * (frames - 1),
        decode_bytes=three.peak_bytes if frames > 1 else first.peak_bytes,
    )
