"""Frames from the latents of HunyuanVideo 1.5, one latent frame at a time.

The decoder is causal: a frame depends on those before it. diffusers decodes a clip at once, with a mask of all latent positions
by all in the middle. Here every convolution remembers its last two frames and the attention in the middle its keys and values,
so that the same frames come one latent frame after the other, and no mask is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuanvideo15 import AutoencoderKLHunyuanVideo15
from torch import Tensor

from vstar_sdk.models.diffusers.decoding import decode_clip
from vstar_sdk.models.diffusers.tiles import Grid
from vstar_sdk.models.hunyuan15.causal import Causal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


def decode_causally(
    vae: AutoencoderKLHunyuanVideo15, latents: Tensor, placement: Placement, *, tiling: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """Decode a clip frame by frame: see `vstar_sdk.models.diffusers.decoding.decode_clip`.

    Memory grows with the length of a clip by the keys and values of the middle block alone.
    ``AutoencoderKLHunyuanVideo15.decode`` gives the same frames, all at once.

    Args:
        vae: the decoder.
        latents: in the denoiser's scale.
        placement: of the decoder.
        tiling: decode pictures larger than a tile in overlapping tiles.
    """

    def decode(tile: Tensor) -> Iterator[Tensor]:
        parts = torch.split(tile, 1, dim=2)
        scaled = ((part / vae.config["scaling_factor"]).to(placement.device, vae.dtype) for part in parts)
        return map(CausalDecoder(vae), scaled)

    grid = Grid.of_overlaps(vae, vae.tile_overlap_factor, vae.tile_overlap_factor) if tiling else None
    return decode_clip(vae, latents, placement, decode, grid)


class CausalDecoder(Causal):
    """The decoder with the memory of one clip, or of one tile of it."""

    def __init__(self, vae: AutoencoderKLHunyuanVideo15) -> None:
        super().__init__()
        network: Any = vae
        self._decoder = network.decoder

    def __call__(self, latent: Tensor) -> Tensor:
        """The frames of the next latent frame, ``(1, channels, 1, height, width)``."""
        network = self._decoder
        x = self.convolved(network.conv_in, latent) + latent.repeat_interleave(network.repeat, dim=1)
        x = self.middle(network.mid_block, x)
        for block in network.up_blocks:
            for residual in block.resnets:
                x = self.residual(residual, x)
            for upsampler in block.upsamplers or ():
                x = self._upsampled(upsampler, x)
        x = self.convolved(network.conv_out, network.conv_act(network.norm_out(x)))
        self.first = False
        return x

    def _upsampled(self, upsampler: Any, x: Tensor) -> Tensor:
        """Twice the size and, where time is upsampled, twice the frames; the first of a clip stays one."""
        inside, spread = self.convolved(upsampler.conv, x), upsampler._dcae_upsample_rearrange
        if not upsampler.add_temporal_upsample:
            return spread(inside) + spread(x.repeat_interleave(upsampler.repeats, dim=1))
        alone = int(self.first)
        parts: list[Tensor] = []
        if alone:
            first = spread(inside[:, :, :1])
            parts.append(first[:, : first.shape[1] // 2] + spread(x[:, :, :1]).repeat_interleave(upsampler.repeats // 2, dim=1))
        if x.shape[2] > alone:
            rest = spread(x[:, :, alone:], r1=2).repeat_interleave(upsampler.repeats, dim=1)
            parts.append(spread(inside[:, :, alone:], r1=2) + rest)
        return torch.cat(parts, dim=2)
