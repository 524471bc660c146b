"""What a Mochi model takes: its real networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_mochi import AutoencoderKLMochi
from diffusers.models.transformers.transformer_mochi import MochiTransformer3DModel
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel

from vstar_sdk.attention.sites import Site
from vstar_sdk.clock import Clock
from vstar_sdk.models.diffusers.configured import network_from, text_config_from
from vstar_sdk.models.diffusers.measuring import cost_of, weight_bytes
from vstar_sdk.models.diffusers.stack_cost import stack_cost
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.mochi.decoding import CausalDecoder
from vstar_sdk.models.mochi.processor import MochiProcessor
from vstar_sdk.models.mochi.sites import mochi_sites
from vstar_sdk.models.mochi.text import TOKENS
from vstar_sdk.weights.directory import read_config


class _WholeText(MochiProcessor):
    """With a text of the most tokens, which the meta device has no numbers of."""

    def texts(self, mask: Tensor) -> list[Tensor]:
        return [torch.arange(mask.shape[1], device=mask.device) for _ in range(len(mask))]


class _Positions(nn.Module):
    """In the place of the network's own, which asks for an autocast that the meta device does not have."""

    def forward(self, frequencies: Tensor, frames: int, height: int, width: int, **_: Any) -> tuple[Tensor, Tensor]:
        angles = frequencies.new_empty((frames * height * width, *frequencies.shape[1:]), dtype=torch.float32)
        return angles, angles.clone()


def estimate(directory: Path, workload: Workload) -> Estimate:
    """Count what a workload takes, with the longest text.

    Tiles of the decoder are not counted: without them it takes more.

    Args:
        directory: of the pipeline.
        workload: what will be asked for.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    dtype, meta = getattr(torch, workload.dtype), torch.device("meta")
    config = read_config(directory, "transformer/config.json")
    with meta:
        network: Any = network_from(MochiTransformer3DModel, config)
        vae: Any = network_from(AutoencoderKLMochi, read_config(directory, "vae/config.json"))
        text_encoder = T5EncoderModel(text_config_from(T5Config, read_config(directory, "text_encoder/config.json")))
    for module in (network, vae, text_encoder):
        nn.Module.to(module, dtype)
    frames = (workload.frames - 1) // int(vae.temporal_compression_ratio) + 1
    height, width = (side // int(vae.spatial_compression_ratio) for side in (workload.height, workload.width))
    for address in mochi_sites(config):
        network.get_submodule(address.name).processor = _WholeText(Site.at(address, Clock(frames, 1.0)))

    network.rope = _Positions()

    def empty(*shape: int) -> Tensor:
        return torch.empty(shape, dtype=dtype, device=meta)

    def denoise() -> object:
        return network(
            hidden_states=empty(workload.branches, network.config["in_channels"], frames, height, width),
            encoder_hidden_states=empty(workload.branches, TOKENS, network.config["text_embed_dim"]),
            timestep=empty(workload.branches),
            encoder_attention_mask=torch.empty((workload.branches, TOKENS), dtype=torch.bool, device=meta),
            return_dict=False,
        )

    def decode(count: int) -> object:
        decoder = CausalDecoder(vae)
        for _ in range(count):
            decoder(empty(1, vae.config["latent_channels"], 1, height, width))
        return decoder  # whose memory of the past is counted

    call, first, two = stack_cost(network, denoise), cost_of(lambda: decode(1)), cost_of(lambda: decode(2))
    return Estimate(
        weights={
            "text encoder": weight_bytes(text_encoder),
            "denoiser": weight_bytes(network),
            "decoder": weight_bytes(vae),
        },
        call_flops=call.flops,
        call_bytes=call.peak_bytes,
        decode_flops=first.flops + (two.flops - first.flops) * (frames - 1),
        decode_bytes=two.peak_bytes if frames > 1 else first.peak_bytes,
    )
