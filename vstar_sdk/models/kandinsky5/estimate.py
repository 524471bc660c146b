"""What a Kandinsky 5 model takes: its real networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import AutoencoderKLHunyuanVideo
from diffusers.models.transformers.transformer_kandinsky import Kandinsky5Transformer3DModel
from transformers import CLIPTextConfig, CLIPTextModel, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from vstar_sdk.models.diffusers.configured import cast_network, network_from, text_config_from
from vstar_sdk.models.diffusers.hunyuan_decoding import windows_cost
from vstar_sdk.models.diffusers.measuring import weight_bytes
from vstar_sdk.models.diffusers.stack_cost import stack_cost
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.kandinsky5.inputs import call
from vstar_sdk.models.kandinsky5.text import TOKENS, Told
from vstar_sdk.weights.directory import read_config


def estimate(directory: Path, workload: Workload) -> Estimate:
    """Count what a workload takes: of the most text, another one for every latent frame.

    Tiles of the decoder are not counted: without them it takes more.

    Args:
        directory: of the pipeline.
        workload: what will be asked for.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    dtype, meta = getattr(torch, workload.dtype), torch.device("meta")
    with meta:
        network: Any = network_from(Kandinsky5Transformer3DModel, read_config(directory, "transformer/config.json"))
        vae: Any = network_from(AutoencoderKLHunyuanVideo, read_config(directory, "vae/config.json"))
        encoder = Qwen2_5_VLForConditionalGeneration(
            text_config_from(Qwen2_5_VLConfig, read_config(directory, "text_encoder/config.json"))
        )
        clip = CLIPTextModel(text_config_from(CLIPTextConfig, read_config(directory, "text_encoder_2/config.json")))
    for module in (network, vae, encoder, clip):
        cast_network(module, dtype)
    ratio, config = int(vae.config["spatial_compression_ratio"]), network.config
    frames = (workload.frames - 1) // int(vae.config["temporal_compression_ratio"]) + 1
    height, width = workload.height // ratio, workload.width // ratio

    def empty(*shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device=meta)

    def denoise() -> object:
        texts = workload.branches * frames
        bias = torch.zeros((texts, TOKENS), device=meta)
        text = Told(empty(texts, TOKENS, config.in_text_dim), empty(texts, config.in_text_dim2), bias, frames)
        latents = empty(workload.branches, config.in_visual_dim, frames, height, width)
        return call(network, latents, torch.empty((), dtype=dtype, device=meta), text, ratio)

    denoising = stack_cost(network, denoise, "visual_transformer_blocks")
    decoding = windows_cost(vae, frames, height, width, dtype)
    return Estimate(
        weights={
            "text encoder": weight_bytes(encoder) + weight_bytes(clip),
            "denoiser": weight_bytes(network),
            "decoder": weight_bytes(vae),
        },
        call_flops=denoising.flops,
        call_bytes=denoising.peak_bytes,
        decode_flops=decoding.flops,
        decode_bytes=decoding.peak_bytes,
    )
