"""What the network of Kandinsky 5 is called with for text alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vstar_sdk.models.kandinsky5.frame_text import reading
from vstar_sdk.models.kandinsky5.text import Told


def scale_factor(height: int, width: int) -> tuple[float, float, float]:
    """By how much the positions in time, of rows and of columns are divided: as the pipeline says it for pictures of this size.

    Args:
        height: in pixels.
        width: likewise.
    """
    small = 480 <= height <= 854 and 480 <= width <= 854
    return (1.0, 2.0, 2.0) if small else (1.0, 3.16, 3.16)


def call(network: Any, latents: Tensor, timestep: Tensor, text: Told, pixels: int) -> Tensor:
    """One call, without a picture: of a network that takes one, its channels are 0.

    Args:
        network: a ``Kandinsky5Transformer3DModel``.
        latents: ``(videos, channels, latent frames, height, width)``, in its precision.
        timestep: 0-d, likewise.
        text: likewise.
        pixels: of a side, to a latent.

    Returns:
        The prediction, of the latents' shape.
    """
    frames, height, width = latents.shape[2:]
    own = latents.permute(0, 2, 3, 4, 1)
    if network.visual_cond:
        own = torch.cat([own, torch.zeros_like(own), own.new_zeros((*own.shape[:-1], 1))], dim=-1)
    sizes = (frames, height // network.patch_size[1], width // network.patch_size[2])
    with reading(network, text):
        predicted: Tensor = network(
            hidden_states=own,
            encoder_hidden_states=text.tokens,
            pooled_projections=text.pooled,
            timestep=timestep.expand(len(text.tokens)),
            visual_rope_pos=[torch.arange(size, device=own.device) for size in sizes],
            text_rope_pos=torch.arange(text.tokens.shape[1], device=own.device),
            scale_factor=scale_factor(height * pixels, width * pixels),
            return_dict=False,
        )
    return predicted.permute(0, 4, 1, 2, 3)
