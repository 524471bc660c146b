"""Latents of frames by the encoders of LTX and LTX-2, a latent frame at a time; the decoders are in `streamed_decoding`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vstar_sdk.models.diffusers.encoding import chunks, encode_clip, encode_in_parts
from vstar_sdk.models.diffusers.streamed_layers import Layers, normalized

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


@torch.no_grad()
def encode_streamed(vae: Any, frames: Iterable[NDArray[np.uint8]], placement: Placement, *, tiling: bool = False) -> Tensor:
    """Encode a clip a latent frame at a time, however long it is: memory does not grow with its length.

    ``vae.encode`` gives the same means, and wants the whole clip at once. It is asked for them in tiles, and of an encoder that
    looks ahead or joins frames, which no released model has.

    Args:
        vae: an ``AutoencoderKLLTXVideo`` or ``AutoencoderKLLTX2Video``.
        frames: ``(height, width, 3)``, RGB, uint8, 1 + 8k of them.
        placement: of the encoder.
        tiling: encode pictures larger than a tile in overlapping tiles.

    Returns:
        The means ``(1, channels, latent frames, height, width)`` in the encoder's scale, float32, on the CPU.
    """
    encoder = _Encoder(vae.encoder)
    if tiling or not encoder.is_causal(vae.encoder.conv_in) or vae.encoder.patch_size_t != 1:
        return encode_clip(vae, frames, placement, tiling=tiling)
    return encode_in_parts(vae, chunks(frames, vae.temporal_compression_ratio), placement, encoder.encode)


class _Encoder(Layers):
    """The layers of a causal encoder."""

    def encode(self, x: Iterator[Tensor]) -> Iterator[Tensor]:
        """The means of a clip, given one frame and then those of a latent frame at a time."""
        encoder = self.network
        x = self.convolution(encoder.conv_in, map(self._patches, x))
        for block in (*encoder.down_blocks, encoder.mid_block):
            for resnet in block.resnets:
                x = self.resnet(resnet, x)
            for downsampler in getattr(block, "downsamplers", None) or ():
                x = self._downsampler(downsampler, x)
            if getattr(block, "conv_out", None) is not None:
                x = self.resnet(block.conv_out, x)
        return map(_mean, self.convolution(encoder.conv_out, map(self._finish, x)))

    def _finish(self, x: Tensor) -> Tensor:
        return self.network.conv_act(normalized(self.network.norm_out, x))

    def _patches(self, frames: Tensor) -> Tensor:
        """Squares of pixels as channels, of which the columns come first."""
        side: int = self.network.patch_size
        parts = torch.unflatten(torch.unflatten(frames, 4, (-1, side)), 3, (-1, side))
        return parts.permute(0, 1, 6, 4, 2, 3, 5).flatten(1, 3)

    def _downsampler(self, downsampler: Any, frames: Iterator[Tensor]) -> Iterator[Tensor]:
        if not hasattr(downsampler, "group_size"):  # a convolution with a stride
            return self.convolution(downsampler, frames)
        stride: tuple[int, int, int] = downsampler.stride
        whole: list[Tensor] = []
        first = True

        def put(x: Tensor) -> Tensor:
            nonlocal first
            # The first frame stands for all of a latent frame.
            x, first = torch.cat([x[:, :, : stride[0] - 1], x], dim=2) if first else x, False
            whole.append(x)
            return x

        def gather(x: Tensor) -> Tensor:
            beside = _space_to_depth(whole.pop(), stride)
            return _space_to_depth(x, stride) + torch.unflatten(beside, 1, (-1, downsampler.group_size)).mean(dim=2)

        return map(gather, self.convolution(downsampler.conv, map(put, frames)))


def _mean(moments: Tensor) -> Tensor:
    return moments[:, :-1]  # the last channel is the deviation of all others


def _space_to_depth(x: Tensor, stride: tuple[int, int, int]) -> Tensor:
    """Frames, rows and columns to channels, ``(channels, t, h, w)``.

    Args:
        x: ``(1, channels, frames, height, width)``.
        stride: ``(t, h, w)``.
    """
    t, h, w = stride
    parts = torch.unflatten(torch.unflatten(torch.unflatten(x, 4, (-1, w)), 3, (-1, h)), 2, (-1, t))
    return parts.permute(0, 1, 3, 5, 7, 2, 4, 6).flatten(1, 4)
