"""Latents of frames by the causal encoder of HunyuanVideo 1.5, one latent frame at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuanvideo15 import AutoencoderKLHunyuanVideo15
from torch import Tensor

from vstar_sdk.models.diffusers.encoding import chunks, encode_clip, encode_in_parts
from vstar_sdk.models.hunyuan15.causal import Causal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


def encode_causally(
    vae: AutoencoderKLHunyuanVideo15, frames: Iterable[NDArray[np.uint8]], placement: Placement, *, tiling: bool = False
) -> Tensor:
    """Encode a clip a latent frame at a time.

    Memory grows with the length of a clip by the keys and values of the middle block alone.
    ``AutoencoderKLHunyuanVideo15.encode`` gives the same means, and wants the whole clip at once. In tiles it is asked for them.

    Args:
        vae: the encoder.
        frames: ``(height, width, 3)``, RGB, uint8, 1 + 4k of them.
        placement: of the encoder.
        tiling: encode pictures larger than a tile in overlapping tiles.

    Returns:
        The means ``(1, channels, latent frames, height, width)`` in the encoder's scale, float32, on the CPU.
    """
    if tiling:
        return encode_clip(vae, frames, placement, tiling=True)
    parts = chunks(frames, vae.config["temporal_compression_ratio"])
    return encode_in_parts(vae, parts, placement, lambda given: map(CausalEncoder(vae), given))


class CausalEncoder(Causal):
    """The encoder with the memory of one clip."""

    def __init__(self, vae: AutoencoderKLHunyuanVideo15) -> None:
        super().__init__()
        network: Any = vae
        self._encoder = network.encoder

    def __call__(self, frames: Tensor) -> Tensor:
        """The next frames of the clip, ``(1, 3, frames, height, width)``, to the mean of their latent frame."""
        network = self._encoder
        x = self.convolved(network.conv_in, frames)
        for block in network.down_blocks:
            for residual in block.resnets:
                x = self.residual(residual, x)
            for downsampler in block.downsamplers or ():
                x = self._downsampled(downsampler, x)
        x = self.middle(network.mid_block, x)
        beside = _mean(x, network.group_size)
        x = self.convolved(network.conv_out, network.conv_act(network.norm_out(x))) + beside
        self.first = False
        return x.chunk(2, dim=1)[0]

    def _downsampled(self, downsampler: Any, x: Tensor) -> Tensor:
        """Half the size and, where time is downsampled, half the frames; the first of a clip stays one."""
        inside, gather = self.convolved(downsampler.conv, x), downsampler._dcae_downsample_rearrange
        if not downsampler.add_temporal_downsample:
            return gather(inside) + _mean(gather(x), downsampler.group_size)
        if self.first:
            alone: Tensor = gather(inside)
            return torch.cat([alone, alone], dim=1) + _mean(gather(x), downsampler.group_size // 2)
        return gather(inside, r1=2) + _mean(gather(x, r1=2), downsampler.group_size)


def _mean(x: Tensor, count: int) -> Tensor:
    """The mean of so many channels, of all of them in turn."""
    return torch.unflatten(x, 1, (-1, count)).mean(dim=2)
