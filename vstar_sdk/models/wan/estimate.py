"""What a Wan model takes: its real networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

from vstar_sdk.models.diffusers.configured import network_from, text_config_from
from vstar_sdk.models.diffusers.measuring import cost_of, weight_bytes
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.wan.adapter import network_class
from vstar_sdk.models.wan.decoding import CausalDecoder
from vstar_sdk.models.wan.experts import latent_frame_text
from vstar_sdk.models.wan.text import TOKENS
from vstar_sdk.weights.directory import read_config


def estimate(directory: Path, networks: tuple[str, ...], workload: Workload) -> Estimate:
    """Count what a workload takes.

    Tiles of the decoder are not counted: without them it takes more.

    Args:
        directory: of the pipeline.
        networks: folders of the denoising networks, which are equal.
        workload: what will be asked for.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    dtype = getattr(torch, workload.dtype)
    with torch.device("meta"):
        network: Any = network_from(network_class(directory, networks[0]), read_config(directory, f"{networks[0]}/config.json"))
        vae: Any = network_from(AutoencoderKLWan, read_config(directory, "vae/config.json"))
        text_encoder = UMT5EncoderModel(text_config_from(UMT5Config, read_config(directory, "text_encoder/config.json")))
        eyes = _eyes(directory) if network.config["image_dim"] is not None else None
    pictures = 2 if network.config["pos_embed_seq_len"] is not None else 1
    tokens = 0 if eyes is None else (eyes.config.image_size // eyes.config.patch_size) ** 2 + 1
    for module in (network, text_encoder):
        nn.Module.to(module, dtype)
    ratio, channels = vae.config["scale_factor_spatial"], vae.config["z_dim"]
    frames = (workload.frames - 1) // vae.config["scale_factor_temporal"] + 1
    size = (workload.height // ratio, workload.width // ratio)

    def denoise() -> object:
        latents = torch.empty((workload.branches, network.config["in_channels"], frames, *size), dtype=dtype, device="meta")
        text = torch.empty((workload.branches * frames, TOKENS, network.config["text_dim"]), dtype=dtype, device="meta")
        timestep = torch.empty(workload.branches, dtype=torch.int64, device="meta")
        seen = None if eyes is None else (len(text) * pictures, tokens, eyes.config.hidden_size)
        picture = None if seen is None else torch.empty(seen, dtype=dtype, device="meta")
        with latent_frame_text(network, frames):
            return network(latents, timestep, text, picture, return_dict=False)

    def decode(count: int) -> object:
        decoder = CausalDecoder(vae)
        for _ in range(count):
            decoder(torch.empty((1, channels, 1, *size), device="meta"))
        return decoder  # whose memory of the past is counted

    call, first, three = cost_of(denoise), cost_of(lambda: decode(1)), cost_of(lambda: decode(3))
    return Estimate(
        weights={
            "text encoder": weight_bytes(text_encoder) + (0 if eyes is None else weight_bytes(eyes)),
            "denoiser": weight_bytes(network) * len(networks),
            "decoder": weight_bytes(vae),
        },
        call_flops=call.flops,
        call_bytes=call.peak_bytes,
        decode_flops=first.flops + (three.flops - first.flops) // 2 * (frames - 1),
        decode_bytes=three.peak_bytes if frames > 1 else first.peak_bytes,
        denoisers=len(networks),
    )


def _eyes(directory: Path) -> Any:
    return CLIPVisionModel(CLIPVisionConfig(**read_config(directory, "image_encoder/config.json")))
