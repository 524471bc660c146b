"""Latents of frames by Wan's causal encoder: one latent frame at a time, with a memory of what it needs of the past."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders import autoencoder_kl_wan
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan, WanCausalConv3d
from torch import Tensor

from vstar_sdk.models.diffusers.encoding import chunks, encode_in_parts, encode_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement

_wan: Any = autoencoder_kl_wan  # typed in part
CHUNK = 4
"""Frames that ``AutoencoderKLWan.encode`` takes at a time, behind the first."""


@torch.no_grad()
def encode_causally(
    vae: AutoencoderKLWan, frames: Iterable[NDArray[np.uint8]], placement: Placement, *, tiling: bool = False
) -> Tensor:
    """Encode a clip a latent frame at a time, however long it is.

    ``AutoencoderKLWan.encode`` gives the same means, and wants the whole clip at once. In tiles it is asked for them.

    Args:
        vae: the encoder.
        frames: ``(height, width, 3)``, RGB, uint8, 1 + 4k of them.
        placement: of the encoder.
        tiling: encode pictures larger than a tile in overlapping tiles.

    Returns:
        The means ``(1, channels, latent frames, height, width)`` in the denoiser's scale, float32, on the CPU.
    """
    return encode_parts(vae, chunks(frames, CHUNK), placement, tiling=tiling)


@torch.no_grad()
def encode_parts(vae: AutoencoderKLWan, parts: Iterable[Tensor], placement: Placement, *, tiling: bool = False) -> Tensor:
    """The same of a clip in parts.

    Args:
        vae: the encoder.
        parts: ``(1, 3, frames, height, width)`` from -1 to 1: one frame, then 4 at a time.
        placement: of the encoder.
        tiling: see `encode_causally`.
    """
    if tiling:
        return in_scale(vae, encode_whole(vae, torch.cat(list(parts), dim=2), placement, tiling=True))
    return in_scale(vae, encode_in_parts(vae, parts, placement, lambda given: map(CausalEncoder(vae), given)))


def in_scale(vae: AutoencoderKLWan, latents: Tensor) -> Tensor:
    """Latents of the encoder in the denoiser's scale."""
    mean, std = (
        torch.tensor(vae.config[key], dtype=torch.float32).view(1, -1, 1, 1, 1).to(latents)
        for key in ("latents_mean", "latents_std")
    )
    return (latents - mean) * (1.0 / std)


class CausalEncoder:
    """The encoder with the memory of one clip."""

    def __init__(self, vae: AutoencoderKLWan) -> None:
        self._vae: Any = vae
        self._past: list[Any] = [None] * sum(isinstance(module, WanCausalConv3d) for module in vae.encoder.modules())

    def __call__(self, frames: Tensor) -> Tensor:
        """The next frames of the clip, ``(1, 3, frames, height, width)``, to the mean of their latent frame."""
        patch: int | None = self._vae.config["patch_size"]
        given = frames if patch is None else _wan.patchify(frames, patch_size=patch)
        seen: Tensor = self._vae.quant_conv(self._vae.encoder(given, feat_cache=self._past, feat_idx=[0]))
        return seen.chunk(2, dim=1)[0]
