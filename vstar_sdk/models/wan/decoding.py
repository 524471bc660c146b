"""Frames from the latents of Wan: its causal decoder takes one latent frame at a time and remembers what it needs of the past."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders import autoencoder_kl_wan
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan, WanCausalConv3d
from torch import Tensor

from vstar_sdk.models.diffusers.decoding import frames_of
from vstar_sdk.models.diffusers.tiles import Grid, decode_in_tiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement

_wan: Any = autoencoder_kl_wan  # typed in part


def decode_causally(
    vae: AutoencoderKLWan, latents: Tensor, placement: Placement, *, tiling: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """Decode a clip frame by frame: see `vstar_sdk.models.diffusers.decoding.frames_of`.

    ``AutoencoderKLWan.decode`` gives the same frames, all at once.

    Args:
        vae: the decoder.
        latents: in the denoiser's scale.
        placement: of the decoder.
        tiling: decode pictures larger than a tile in overlapping tiles.
    """
    mean, std = (
        torch.tensor(vae.config[key], dtype=torch.float32).view(1, -1, 1, 1, 1).to(latents)
        for key in ("latents_mean", "latents_std")
    )
    patch: int | None = vae.config["patch_size"]

    def decode(tile: Tensor) -> Iterator[Tensor]:
        scaled = ((latent * std + mean).to(placement.device, vae.dtype) for latent in torch.split(tile, 1, dim=2))
        return map(CausalDecoder(vae), scaled)

    pictures = decode_in_tiles(vae, Grid.of_strides(vae, patch or 1), latents, decode) if tiling else decode(latents)
    whole = pictures if patch is None else (_wan.unpatchify(frames, patch_size=patch) for frames in pictures)
    return frames_of(whole, vae, placement)


class CausalDecoder:
    """The decoder with the memory of one clip, or of one tile of it."""

    def __init__(self, vae: AutoencoderKLWan) -> None:
        self._vae, self._first = vae, True
        self._past: list[Any] = [None] * sum(isinstance(module, WanCausalConv3d) for module in vae.decoder.modules())

    def __call__(self, latent: Tensor) -> Tensor:
        """The next latent frame, ``(1, channels, 1, height, width)``, to its frames in patches."""
        seen = self._vae.post_quant_conv(latent)
        frames = self._vae.decoder(seen, feat_cache=self._past, feat_idx=[0], first_chunk=self._first)
        self._first = False
        return frames
