"""What a MiniMax-H3 model takes: its real networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_minimax_h3 import AutoencoderKLMiniMaxH3
from diffusers.models.transformers.transformer_minimax_h3 import MiniMaxH3Transformer3DModel
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from vstar_sdk.models.diffusers.configured import cast_network, network_from, text_config_from
from vstar_sdk.models.diffusers.measuring import cost_of, weight_bytes
from vstar_sdk.models.diffusers.stack_cost import stack_cost
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.minimax_h3.sequence import CHANNELS
from vstar_sdk.models.minimax_h3.sites import CYCLE, PATCH, RHYTHM
from vstar_sdk.models.minimax_h3.sound import sound_latents
from vstar_sdk.weights.directory import read_config

WORDS = 512
"""Text tokens that are counted: it is as long as the prompt."""


def estimate(directory: Path, workload: Workload) -> Estimate:
    """Count what a workload takes, with the sound beside the video.

    Of the decoder one tile is counted, and all tiles of a part of the clip are held.

    Args:
        directory: of the model.
        workload: what will be asked for.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    dtype, meta = getattr(torch, workload.dtype), torch.device("meta")
    with meta:
        network: Any = network_from(MiniMaxH3Transformer3DModel, read_config(directory, "transformer/config.json"))
        vae: Any = network_from(AutoencoderKLMiniMaxH3, read_config(directory, "vae/config.json"))
        encoder: Any = Qwen3VLForConditionalGeneration(
            text_config_from(Qwen3VLConfig, read_config(directory, "text_encoder/config.json"))
        )
    for module in (network, vae, encoder):
        cast_network(module, dtype)
    ratio, channels = int(vae.spatial_compression_ratio), int(vae.config["latent_channels"])
    frames = len(RHYTHM.spans(workload.frames))
    height, width = workload.height // ratio, workload.width // ratio
    video = frames * (height // PATCH) * (width // PATCH)
    sound = CHANNELS * sound_latents(workload.frames)

    def empty(*shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device=meta)

    def where(*shape: int) -> torch.Tensor:
        return torch.zeros(shape, dtype=torch.int64, device=meta)

    def denoise() -> object:
        tokens, config = WORDS + sound + video, network.config
        return network(
            hidden_states=empty(1, video, channels * PATCH**2),
            audio_hidden_states=empty(1, sound, config.audio_in_channels),
            encoder_hidden_states=empty(1, WORDS, config.text_dim),
            timestep=torch.empty(2, device=meta),
            timestep_indices=where(tokens),
            token_tags=where(tokens),
            position_ids=torch.empty(tokens, 3, dtype=torch.float64, device=meta),
            video_indices=where(video),
            audio_indices=where(sound),
            text_indices=where(WORDS),
            return_dict=False,
        )

    def decode_tile() -> object:
        return vae._decode_clip(empty(1, channels, len(CYCLE) + 2, *(min(side, tile) for side in (height, width))))

    tile = int(vae.tile_sample_min_height) // ratio
    rows, columns = (
        len(vae._split_tiles(side * ratio, tile * ratio, vae.tile_sample_min_overlap_height)[0]) for side in (height, width)
    )
    denoising, one = stack_cost(network, denoise), cost_of(decode_tile)
    made = 3 * (len(CYCLE) + 2) * int(vae.temporal_compression_ratio) * dtype.itemsize * ratio**2  # frames of a part, to a latent
    held = made * (rows * columns * min(height, tile) * min(width, tile) + height * width)
    return Estimate(
        weights={"text encoder": weight_bytes(encoder), "denoiser": weight_bytes(network), "decoder": weight_bytes(vae)},
        call_flops=denoising.flops,
        call_bytes=denoising.peak_bytes,
        decode_flops=one.flops * rows * columns * ((frames - 2) // len(CYCLE)),
        decode_bytes=one.peak_bytes + held,
    )
