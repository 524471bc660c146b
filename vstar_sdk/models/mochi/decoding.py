"""Frames from the latents of Mochi, one latent frame at a time.

The decoder is causal, and normalises every frame by itself. diffusers decodes a clip at once; here every convolution remembers
its last two frames, so that the same frames come one latent frame after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_mochi import AutoencoderKLMochi
from torch import Tensor
from torch.nn.functional import pad

from vstar_sdk.models.diffusers.decoding import frames_of
from vstar_sdk.models.diffusers.tiles import Grid, decode_in_tiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


def decode_causally(
    vae: AutoencoderKLMochi, latents: Tensor, placement: Placement, *, tiling: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """Decode a clip frame by frame: see `vstar_sdk.models.diffusers.decoding.frames_of`.

    ``AutoencoderKLMochi.decode`` gives the same frames, all at once.

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

    def decode(tile: Tensor) -> Iterator[Tensor]:
        parts = (part * std / vae.config["scaling_factor"] + mean for part in torch.split(tile, 1, dim=2))
        return map(CausalDecoder(vae), (part.to(placement.device, vae.dtype) for part in parts))

    pictures = decode_in_tiles(vae, Grid.of_strides(vae), latents, decode) if tiling else decode(latents)
    return frames_of(_without_the_first(vae, pictures), vae, placement)


def _without_the_first(vae: Any, pictures: Iterator[Tensor]) -> Iterator[Tensor]:
    """The frames of a clip: of those that the first latent frame gives, the last one alone."""
    for index, frames in enumerate(pictures):
        yield frames if index else frames[:, :, vae.temporal_compression_ratio - 1 :]


class CausalDecoder:
    """The decoder with the memory of one clip, or of one tile of it."""

    def __init__(self, vae: AutoencoderKLMochi) -> None:
        network: Any = vae
        self._decoder = network.decoder
        self._past: dict[Any, Tensor] = {}

    def __call__(self, latent: Tensor) -> Tensor:
        """The frames of the next latent frame, ``(1, channels, 1, height, width)``."""
        network = self._decoder
        x = self._through(network.block_in.resnets, network.conv_in(latent))
        for block in network.up_blocks:
            x = _spread(block, self._through(block.resnets, x))
        x = network.nonlinearity(self._through(network.block_out.resnets, x))
        return network.proj_out(x.movedim(1, -1)).movedim(-1, 1)

    def _through(self, residuals: Iterable[Any], x: Tensor) -> Tensor:
        for block in residuals:
            inside = self._convolved(block.conv1, block.nonlinearity(block.norm1(x)))
            x = self._convolved(block.conv2, block.nonlinearity(block.norm2(inside))) + x
        return x

    def _convolved(self, causal: Any, x: Tensor) -> Tensor:
        """A causal convolution, which sees the frames before these; before the first one it is itself."""
        past = self._past.get(causal)
        before = x[:, :, :1].expand(-1, -1, causal.time_pad, -1, -1) if past is None else past
        whole = torch.cat([before, x], dim=2)
        self._past[causal] = whole[:, :, -causal.time_pad :].clone()
        width, height = causal.width_pad, causal.height_pad
        return causal.conv(pad(whole, (width, width, height, height, 0, 0), mode="replicate"))


def _spread(block: Any, x: Tensor) -> Tensor:
    """Channels as more frames, rows and columns."""
    x = block.proj(x.movedim(1, -1)).movedim(-1, 1)
    times, side = block.temporal_expansion, block.spatial_expansion
    parts = torch.unflatten(x, 1, (-1, times, side, side))
    return parts.permute(0, 1, 5, 2, 6, 3, 7, 4).flatten(6, 7).flatten(4, 5).flatten(2, 3)
