"""Latent frames that are a picture's: they have no noise, and the network is told so by their tokens' timesteps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vstar_sdk.models.diffusers.encoding import encode_whole, pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


def moments_of(timestep: Tensor, videos: int, grid: tuple[int, int, int], still: int) -> Tensor:
    """Timesteps: one for each video, or for each token where some have no noise.

    Args:
        timestep: 0-d.
        videos: how many.
        grid: latent frames, rows and columns of tokens.
        still: the first latent frames have no noise, so many.

    Returns:
        ``(videos,)``, or ``(videos, tokens)``, 0 at tokens without noise.
    """
    if not still:
        return timestep.expand(videos)
    noisy = torch.ones(grid, dtype=torch.float32, device=timestep.device)
    noisy[:still] = 0
    return (noisy * timestep).flatten().expand(videos, -1)


def beside(latents: Tensor, channels: Tensor | None) -> Tensor:
    """Latents ``(videos, channels, ...)`` with channels of a picture, ``(1, channels, ...)``, behind their own."""
    if channels is None:
        return latents
    own = channels.to(latents)
    return torch.cat([latents, own.expand(len(latents), *own.shape[1:])], dim=1)


def still_latents(
    vae: Any,
    picture: NDArray[np.uint8],
    placement: Placement,
    *,
    tiling: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """A picture as the first latent frame, ``(1, channels, 1, height, width)``, in the encoder's scale.

    Args:
        vae: the encoder.
        picture: ``(height, width, 3)``, RGB.
        placement: of the encoder.
        tiling: encode it in tiles.
        generator: draws it from what the encoder gives; None takes the mean.
    """
    return encode_whole(vae, pixels([picture]), placement, tiling=tiling, generator=generator)
