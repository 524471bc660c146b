"""Frames from the latents of CogVideoX: its causal decoder takes two latent frames at a time and remembers the past."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import AutoencoderKLCogVideoX
from torch import Tensor

from vstar_sdk.models.diffusers.decoding import decode_clip
from vstar_sdk.models.diffusers.tiles import Grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


def at_once(count: int, vae: AutoencoderKLCogVideoX) -> list[int]:
    """How many latent frames are decoded together, as it was trained: two, and first of an odd number three.

    Args:
        count: latent frames of the clip.
        vae: the decoder.
    """
    size = vae.num_latent_frames_batch_size
    times = max(count // size, 1)
    return [count - (times - 1) * size, *[size] * (times - 1)]


def decode_causally(
    vae: AutoencoderKLCogVideoX, latents: Tensor, placement: Placement, *, tiling: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """Decode a clip a few frames at a time: see `vstar_sdk.models.diffusers.decoding.decode_clip`.

    ``AutoencoderKLCogVideoX.decode`` gives the same frames, all at once.

    Args:
        vae: the decoder.
        latents: in the denoiser's scale.
        placement: of the decoder.
        tiling: decode pictures larger than a tile in overlapping tiles.
    """

    def decode(tile: Tensor) -> Iterator[Tensor]:
        parts = torch.split(tile, at_once(tile.shape[2], vae), dim=2)
        scaled = ((part / vae.config["scaling_factor"]).to(placement.device, vae.dtype) for part in parts)
        return map(CausalDecoder(vae), scaled)

    grid = Grid.of_overlaps(vae, vae.tile_overlap_factor_height, vae.tile_overlap_factor_width) if tiling else None
    return decode_clip(vae, latents, placement, decode, grid)


class CausalDecoder:
    """The decoder with the memory of one clip, or of one tile of it."""

    def __init__(self, vae: AutoencoderKLCogVideoX) -> None:
        self._vae: Any = vae
        self._past: dict[str, Any] | None = None

    def __call__(self, latents: Tensor) -> Tensor:
        """The frames of the next latent frames."""
        if self._vae.post_quant_conv is not None:
            latents = self._vae.post_quant_conv(latents)
        frames, self._past = self._vae.decoder(latents, conv_cache=self._past)
        return frames
