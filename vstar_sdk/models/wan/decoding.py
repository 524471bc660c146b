"""Frames from the latents of Wan: its causal decoder takes one latent frame at a time and remembers what it needs of the past."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders import autoencoder_kl_wan
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan, WanCausalConv3d
from torch import Tensor

from vstar_sdk.models.diffusers.tiles import decode_in_tiles, exceeds_a_tile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement

_wan: Any = autoencoder_kl_wan  # typed in part


@torch.no_grad()
def decode_causally(
    vae: AutoencoderKLWan, latents: Tensor, placement: Placement, *, tiling: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """Decode a clip frame by frame, however long it is: memory does not grow with its length.

    ``AutoencoderKLWan.decode`` gives the same frames, all at once.

    Args:
        vae: the decoder.
        latents: ``(1, channels, latent frames, height, width)`` in the denoiser's scale, on any device.
        placement: of the decoder.
        tiling: decode pictures larger than a tile in overlapping tiles, each with a memory of its own.

    Returns:
        Frames ``(height, width, 3)``, RGB, one by one.
    """
    mean, std = (torch.tensor(vae.config[key]).view(1, -1, 1, 1, 1) for key in ("latents_mean", "latents_std"))
    patch = vae.config["patch_size"]

    def decode(tile: Tensor) -> Iterator[Tensor]:
        decoder = CausalDecoder(vae)
        for latent in torch.split(tile, 1, dim=2):
            scaled = latent * std.to(latent) + mean.to(latent)
            with placement.computing():
                yield decoder(scaled.to(placement.device, vae.dtype))

    tiled = tiling and exceeds_a_tile(vae, latents)
    with placement.using(vae):
        for frames in decode_in_tiles(vae, latents, decode, patch or 1) if tiled else decode(latents):
            pictures: Tensor = frames if patch is None else _wan.unpatchify(frames, patch_size=patch)
            pictures = pictures[0].float().clamp_(-1.0, 1.0).div_(2.0).add_(0.5).mul_(255.0).round_()
            yield from pictures.permute(1, 2, 3, 0).to("cpu", torch.uint8).numpy()


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
