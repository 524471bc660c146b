"""Frames from the latents of Wan: its causal decoder takes one latent frame at a time and remembers what it needs of the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders import autoencoder_kl_wan
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan, WanCausalConv3d
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement

_wan: Any = autoencoder_kl_wan  # typed in part

Decode = Callable[[Tensor], Tensor]
"""One latent frame after the other, ``(1, channels, 1, height, width)``, to its frames in patches."""


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
    decode: Decode = _Tiles(vae) if tiling and _exceeds_a_tile(vae, latents) else CausalDecoder(vae)
    with placement.using(vae):
        for latent in torch.split(latents, 1, dim=2):
            scaled = latent * std.to(latent) + mean.to(latent)
            with placement.computing():
                frames = decode(scaled.to(placement.device, vae.dtype))
            if patch is not None:
                frames: Tensor = _wan.unpatchify(frames, patch_size=patch)
            frames = frames[0].float().clamp_(-1.0, 1.0).div_(2.0).add_(0.5).mul_(255.0).round_()
            yield from frames.permute(1, 2, 3, 0).to("cpu", torch.uint8).numpy()


class CausalDecoder:
    """The decoder with the memory of one clip, or of one tile of it."""

    def __init__(self, vae: AutoencoderKLWan) -> None:
        self._vae, self._first = vae, True
        self._past: list[Any] = [None] * sum(isinstance(module, WanCausalConv3d) for module in vae.decoder.modules())

    def __call__(self, latent: Tensor) -> Tensor:
        """The frames of the next latent frame: see `Decode`."""
        seen = self._vae.post_quant_conv(latent)
        frames = self._vae.decoder(seen, feat_cache=self._past, feat_idx=[0], first_chunk=self._first)
        self._first = False
        return frames


class _Tiles:
    """The decoder on overlapping tiles, blended as ``AutoencoderKLWan.tiled_decode`` does."""

    def __init__(self, vae: AutoencoderKLWan) -> None:
        self._vae: Any = vae
        ratio, patch = _ratio(vae), vae.config["patch_size"] or 1
        height, width = int(vae.tile_sample_stride_height), int(vae.tile_sample_stride_width)
        self._latent = (vae.tile_sample_min_height // ratio, vae.tile_sample_min_width // ratio)
        self._latent_stride = (height // ratio, width // ratio)
        self._stride = (height // patch, width // patch)
        self._blend = (
            vae.tile_sample_min_height // patch - self._stride[0],
            vae.tile_sample_min_width // patch - self._stride[1],
        )
        self._scale = ratio // patch
        self._decoders: dict[tuple[int, int], CausalDecoder] = {}

    def __call__(self, latent: Tensor) -> Tensor:
        height, width = latent.shape[-2:]
        rows = [
            [self._decode(latent, top, left) for left in range(0, width, self._latent_stride[1])]
            for top in range(0, height, self._latent_stride[0])
        ]
        for i, row in enumerate(rows):
            for j, tile in enumerate(row):
                if i > 0:
                    self._vae.blend_v(rows[i - 1][j], tile, self._blend[0])
                if j > 0:
                    self._vae.blend_h(row[j - 1], tile, self._blend[1])
        kept = [torch.cat([tile[..., : self._stride[0], : self._stride[1]] for tile in row], dim=-1) for row in rows]
        return torch.cat(kept, dim=-2)[..., : height * self._scale, : width * self._scale]

    def _decode(self, latent: Tensor, top: int, left: int) -> Tensor:
        decoder = self._decoders.setdefault((top, left), CausalDecoder(self._vae))
        return decoder(latent[..., top : top + self._latent[0], left : left + self._latent[1]])


def _exceeds_a_tile(vae: AutoencoderKLWan, latents: Tensor) -> bool:
    ratio = _ratio(vae)
    return latents.shape[-2] > vae.tile_sample_min_height // ratio or latents.shape[-1] > vae.tile_sample_min_width // ratio


def _ratio(vae: Any) -> int:
    return vae.spatial_compression_ratio
