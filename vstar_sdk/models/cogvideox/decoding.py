"""Frames from the latents of CogVideoX: its causal decoder takes two latent frames at a time and remembers the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import AutoencoderKLCogVideoX
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement

Decode = Callable[[Tensor], Tensor]
"""The next latent frames, ``(1, channels, latent frames, height, width)``, to their pictures."""


def at_once(count: int, vae: AutoencoderKLCogVideoX) -> list[int]:
    """How many latent frames are decoded together, as it was trained: two, and first of an odd number three.

    Args:
        count: latent frames of the clip.
        vae: the decoder.
    """
    size = vae.num_latent_frames_batch_size
    times = max(count // size, 1)
    return [count - (times - 1) * size, *[size] * (times - 1)]


@torch.no_grad()
def decode_causally(
    vae: AutoencoderKLCogVideoX, latents: Tensor, placement: Placement, *, tiling: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """Decode a clip a few frames at a time, however long it is: memory does not grow with its length.

    ``AutoencoderKLCogVideoX.decode`` gives the same frames, all at once.

    Args:
        vae: the decoder.
        latents: ``(1, channels, latent frames, height, width)`` in the denoiser's scale, on any device.
        placement: of the decoder.
        tiling: decode pictures larger than a tile in overlapping tiles, each with a memory of its own.

    Returns:
        Frames ``(height, width, 3)``, RGB, one by one.
    """
    decode: Decode = _Tiles(vae) if tiling and _exceeds_a_tile(vae, latents) else CausalDecoder(vae)
    with placement.using(vae):
        for some in torch.split(latents, at_once(latents.shape[2], vae), dim=2):
            scaled = some / vae.config["scaling_factor"]
            with placement.computing():
                frames = decode(scaled.to(placement.device, vae.dtype))
            frames = frames[0].float().div_(2.0).add_(0.5).clamp_(0.0, 1.0).mul_(255.0).round_()
            yield from frames.permute(1, 2, 3, 0).to("cpu", torch.uint8).numpy()


class CausalDecoder:
    """The decoder with the memory of one clip, or of one tile of it."""

    def __init__(self, vae: AutoencoderKLCogVideoX) -> None:
        self._vae: Any = vae
        self._past: dict[str, Any] | None = None

    def __call__(self, latents: Tensor) -> Tensor:
        """The frames of the next latent frames: see `Decode`."""
        if self._vae.post_quant_conv is not None:
            latents = self._vae.post_quant_conv(latents)
        frames, self._past = self._vae.decoder(latents, conv_cache=self._past)
        return frames


class _Tiles:
    """The decoder on overlapping tiles, blended as ``AutoencoderKLCogVideoX.tiled_decode`` does."""

    def __init__(self, vae: AutoencoderKLCogVideoX) -> None:
        self._vae: Any = vae
        overlaps = (vae.tile_overlap_factor_height, vae.tile_overlap_factor_width)
        self._latent = (vae.tile_latent_min_height, vae.tile_latent_min_width)
        self._stride = tuple(int(side * (1 - overlap)) for side, overlap in zip(self._latent, overlaps, strict=True))
        sample = (vae.tile_sample_min_height, vae.tile_sample_min_width)
        self._blend = tuple(int(side * overlap) for side, overlap in zip(sample, overlaps, strict=True))
        self._kept = tuple(side - blend for side, blend in zip(sample, self._blend, strict=True))
        self._decoders: dict[tuple[int, int], CausalDecoder] = {}

    def __call__(self, latents: Tensor) -> Tensor:
        height, width = latents.shape[-2:]
        rows = [
            [self._decode(latents, top, left) for left in range(0, width, self._stride[1])]
            for top in range(0, height, self._stride[0])
        ]
        for i, row in enumerate(rows):
            for j, tile in enumerate(row):
                if i > 0:
                    self._vae.blend_v(rows[i - 1][j], tile, self._blend[0])
                if j > 0:
                    self._vae.blend_h(row[j - 1], tile, self._blend[1])
        kept = [torch.cat([tile[..., : self._kept[0], : self._kept[1]] for tile in row], dim=-1) for row in rows]
        return torch.cat(kept, dim=-2)

    def _decode(self, latents: Tensor, top: int, left: int) -> Tensor:
        decoder = self._decoders.setdefault((top, left), CausalDecoder(self._vae))
        return decoder(latents[..., top : top + self._latent[0], left : left + self._latent[1]])


def _exceeds_a_tile(vae: AutoencoderKLCogVideoX, latents: Tensor) -> bool:
    return latents.shape[-2] > vae.tile_latent_min_height or latents.shape[-1] > vae.tile_latent_min_width
