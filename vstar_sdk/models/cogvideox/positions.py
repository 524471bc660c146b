"""The rotary positions of CogVideoX's video tokens, which its pipeline makes and hands to the network."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models import embeddings
from diffusers.pipelines.cogvideo import pipeline_cogvideox
from torch import Tensor

_embeddings: Any = embeddings  # typed in part
_pipeline: Any = pipeline_cogvideox


def rotary_positions(config: Any, frames: int, height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor] | None:
    """Cosines and sines ``(frames * positions, head_dim)``; None for a network that adds its positions to the tokens itself.

    Pictures of another size than the network's own are laid over its grid, as the pipeline does.

    Args:
        config: of the network.
        frames: latent frames.
        height: of the latents.
        width: of the latents.
        device: of the result.
    """
    if not config.use_rotary_positional_embeddings:
        return None
    patch = config.patch_size
    grid = (height // patch, width // patch)
    crops = _pipeline.get_resize_crop_region_for_grid(grid, config.sample_width // patch, config.sample_height // patch)
    cosines, sines = _embeddings.get_3d_rotary_pos_embed(
        embed_dim=config.attention_head_dim, crops_coords=crops, grid_size=grid, temporal_size=frames, device=device
    )
    return cosines, sines
