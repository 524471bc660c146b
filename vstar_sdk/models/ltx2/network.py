"""The networks of LTX-2 without its sound."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.frame_text import folded_frames
from vstar_sdk.models.diffusers.ltx_tokens import readers
from vstar_sdk.models.diffusers.parallel import check_share, share_of


def see(
    network: Any,
    tokens: Tensor,
    timestep: Tensor,
    text: Tensor,
    bias: Tensor,
    grid: tuple[int, int, int],
    fps: float,
    *,
    sigma: Tensor,
) -> Tensor:
    """One call with video and sound apart: what the network gives for the video does not depend on sound then.

    Args:
        network: an ``LTX2VideoTransformer3DModel``.
        tokens: of the video, ``(videos, frames * rows * columns, channels)``, in the network's precision.
        timestep: ``(videos,)``, or of each token, ``(videos, tokens)``.
        text: ``(videos, frames, text tokens, dim)``; of one frame where all read one sequence.
        bias: of each text token, ``(videos, frames, text tokens)``; likewise.
        grid: latent frames, rows and columns.
        fps: frames a second.
        sigma: the timestep of what has noise, ``(videos,)``.

    Returns:
        The prediction for the video, of the tokens' shape.
    """
    frames, rows, columns = grid
    config, videos = network.config, len(tokens)
    check_share(network, tokens.shape[1])
    sound = config["caption_channels"] if config["use_prompt_embeddings"] else config["audio_cross_attention_dim"]
    with folded_frames(readers(network, "attn2"), text.shape[1], share_of(network)):
        predicted: Tensor = network(
            hidden_states=tokens,
            audio_hidden_states=tokens.new_zeros((videos, 1, config["audio_in_channels"])),
            encoder_hidden_states=text.flatten(1, 2).to(tokens.dtype),
            audio_encoder_hidden_states=tokens.new_zeros((videos, 1, sound)),
            timestep=timestep,
            audio_timestep=sigma,
            sigma=sigma,
            encoder_attention_mask=bias.flatten(0, 1)[:, None].to(tokens.dtype),
            audio_encoder_attention_mask=torch.ones((videos, 1), device=tokens.device),
            num_frames=frames,
            height=rows,
            width=columns,
            fps=fps,
            audio_num_frames=1,
            isolate_modalities=True,
            use_cross_timestep=True,
            return_dict=False,
        )[0]
    return predicted


def check_border(vae: Any, height: int, width: int) -> None:
    """Refuse pictures that the decoder cannot make, which mirrors what is next to the border.

    Args:
        vae: an ``AutoencoderKLLTX2Video``.
        height: of the latents.
        width: likewise.

    Raises:
        ModelError: a side has one latent alone.
    """
    if vae.config["decoder_spatial_padding_mode"] == "reflect" and min(height, width) < 2:
        least = 2 * vae.spatial_compression_ratio
        raise ModelError("LTX-2 cannot decode pictures this small", hint=f"use at least {least} x {least} pixels")
