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
from torch.nn.functional import pad, scaled_dot_product_attention

from vstar_sdk.models.diffusers.decoding import decode_clip
from vstar_sdk.models.diffusers.tiles import Grid

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


class CausalDecoder:
    """The decoder with the memory of one clip, or of one tile of it."""

    def __init__(self, vae: AutoencoderKLHunyuanVideo15) -> None:
        network: Any = vae
        self._decoder, self._first = network.decoder, True
        self._past: dict[Any, Tensor] = {}

    def __call__(self, latent: Tensor) -> Tensor:
        """The frames of the next latent frame, ``(1, channels, 1, height, width)``."""
        network = self._decoder
        x = self._convolved(network.conv_in, latent) + latent.repeat_interleave(network.repeat, dim=1)
        middle = network.mid_block
        x = self._residual(middle.resnets[0], x)
        for attention, residual in zip(middle.attentions, middle.resnets[1:], strict=True):
            x = self._residual(residual, x if attention is None else self._attended(attention, x))
        for block in network.up_blocks:
            for residual in block.resnets:
                x = self._residual(residual, x)
            for upsampler in block.upsamplers or ():
                x = self._upsampled(upsampler, x)
        x = self._convolved(network.conv_out, network.conv_act(network.norm_out(x)))
        self._first = False
        return x

    def _convolved(self, causal: Any, x: Tensor) -> Tensor:
        """A causal convolution, which sees the frames before these; before the first one it is itself."""
        *around, before, _ = causal.time_causal_padding
        x = pad(x, (*around, 0, 0), mode=causal.pad_mode)
        if before:
            past = self._past.get(causal)
            x = torch.cat([x[:, :, :1].expand(-1, -1, before, -1, -1) if past is None else past, x], dim=2)
            self._past[causal] = x[:, :, -before:].clone()
        return causal.conv(x)

    def _residual(self, block: Any, x: Tensor) -> Tensor:
        inside = self._convolved(block.conv1, block.nonlinearity(block.norm1(x)))
        inside = self._convolved(block.conv2, block.nonlinearity(block.norm2(inside)))
        return inside + (x if block.conv_shortcut is None else block.conv_shortcut(x))

    def _attended(self, attention: Any, x: Tensor) -> Tensor:
        """Attention of one latent frame to itself and all before it."""
        normal = attention.norm(x)
        made = (project(normal).flatten(2).transpose(1, 2) for project in (attention.to_q, attention.to_k, attention.to_v))
        query, key, value = (one[:, None].contiguous() for one in made)
        if attention in self._past:
            key, value = (torch.cat(both, dim=2) for both in zip(self._past[attention], (key, value), strict=True))
        self._past[attention] = torch.stack([key, value])
        out = scaled_dot_product_attention(query, key, value)[:, 0]
        return attention.proj_out(out.transpose(1, 2).reshape(x.shape)) + x

    def _upsampled(self, upsampler: Any, x: Tensor) -> Tensor:
        """Twice the size and, where time is upsampled, twice the frames; the first of a clip stays one."""
        inside, spread = self._convolved(upsampler.conv, x), upsampler._dcae_upsample_rearrange
        if not upsampler.add_temporal_upsample:
            return spread(inside) + spread(x.repeat_interleave(upsampler.repeats, dim=1))
        alone = int(self._first)
        parts: list[Tensor] = []
        if alone:
            first = spread(inside[:, :, :1])
            parts.append(first[:, : first.shape[1] // 2] + spread(x[:, :, :1]).repeat_interleave(upsampler.repeats // 2, dim=1))
        if x.shape[2] > alone:
            rest = spread(x[:, :, alone:], r1=2).repeat_interleave(upsampler.repeats, dim=1)
            parts.append(spread(inside[:, :, alone:], r1=2) + rest)
        return torch.cat(parts, dim=2)
