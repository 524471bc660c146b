"""What LTX-2 takes without its sound: its real networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from diffusers.models.autoencoders.autoencoder_kl_ltx2 import AutoencoderKLLTX2Video
from diffusers.models.transformers.transformer_ltx2 import LTX2VideoTransformer3DModel
from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
from torch import nn

from vstar_sdk.models.diffusers.configured import network_from, text_config_from
from vstar_sdk.models.diffusers.measuring import weight_bytes
from vstar_sdk.models.diffusers.stack_cost import stack_cost, stream_cost
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.ltx2.network import check_border, see
from vstar_sdk.models.ltx2.text import TOKENS
from vstar_sdk.weights.directory import read_config


def estimate(directory: Path, text_encoder: str, workload: Workload) -> Estimate:
    """Count what a workload takes.

    Tiles of the decoder are not counted: without them it takes more.

    Args:
        directory: of the pipeline.
        text_encoder: the class of its text encoder, in transformers.
        workload: what will be asked for.

    Raises:
        ModelError: a configuration is missing or damaged, or the picture is too small.
    """
    dtype = getattr(torch, workload.dtype)
    kind: Any = getattr(transformers, text_encoder)
    with torch.device("meta"):
        network: Any = network_from(LTX2VideoTransformer3DModel, read_config(directory, "transformer/config.json"))
        vae: Any = network_from(AutoencoderKLLTX2Video, read_config(directory, "vae/config.json"))
        connectors: Any = network_from(LTX2TextConnectors, read_config(directory, "connectors/config.json"))
        encoder: Any = kind(text_config_from(kind.config_class, read_config(directory, "text_encoder/config.json")))
    for module in (network, vae, connectors, encoder):
        nn.Module.to(module, dtype)
    ratio, patch, config = vae.spatial_compression_ratio, network.config["patch_size"], network.config
    frames = (workload.frames - 1) // vae.temporal_compression_ratio + 1
    height, width = workload.height // ratio, workload.width // ratio
    check_border(vae, height, width)
    grid = (frames, height // patch, width // patch)
    read = config["caption_channels"] if config["use_prompt_embeddings"] else config["cross_attention_dim"]

    def denoise() -> object:
        branches = workload.branches
        tokens = torch.empty((branches, grid[0] * grid[1] * grid[2], config["in_channels"]), dtype=dtype, device="meta")
        text = torch.empty((branches, frames, TOKENS, read), dtype=dtype, device="meta")
        moments = torch.empty(branches, device="meta")
        return see(network, tokens, moments, text, text[..., 0], grid, 24.0, sigma=moments)

    call, decoding = stack_cost(network, denoise), stream_cost(vae, frames, height, width, dtype)
    return Estimate(
        weights={
            "text encoder": weight_bytes(encoder) + weight_bytes(connectors),
            "denoiser": weight_bytes(network),
            "decoder": weight_bytes(vae),
        },
        call_flops=call.flops,
        call_bytes=call.peak_bytes,
        decode_flops=decoding.flops,
        decode_bytes=decoding.peak_bytes,
    )
