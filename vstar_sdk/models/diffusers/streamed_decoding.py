"""Frames from the latents of LTX and LTX-2, a latent frame at a time.

Their decoders look both ways in time: most of their convolutions read a frame before and a frame behind. So each one here holds
back its last frame until the next has come, and remembers the two that it still needs. What comes out is what
``vae.decode`` gives for the whole clip.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vstar_sdk.models.diffusers.decoding import decode_clip
from vstar_sdk.models.diffusers.streamed_layers import Aside, Layers, normalized
from vstar_sdk.models.diffusers.tiles import Grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


def in_own_scale(vae: Any, latents: Tensor) -> Tensor:
    """Latents of the denoiser in the scale of the decoder.

    Args:
        vae: see `decode_streamed`.
        latents: ``(1, channels, latent frames, height, width)``.
    """
    mean, std = (values.to(latents).view(1, -1, 1, 1, 1) for values in (vae.latents_mean, vae.latents_std))
    return latents * std / vae.config["scaling_factor"] + mean


def in_denoisers_scale(vae: Any, latents: Tensor) -> Tensor:
    """Latents of the encoder in the scale of the denoiser: the other way round of `in_own_scale`."""
    mean, std = (values.to(latents).view(1, -1, 1, 1, 1) for values in (vae.latents_mean, vae.latents_std))
    return (latents - mean) * vae.config["scaling_factor"] / std


def decode_streamed(
    vae: Any, latents: Tensor, placement: Placement, *, timestep: float | None = None, tiling: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """Decode a clip frame by frame, however long it is: memory does not grow with its length.

    Args:
        vae: an ``AutoencoderKLLTXVideo`` or ``AutoencoderKLLTX2Video``.
        latents: ``(1, channels, latent frames, height, width)`` in the decoder's own scale (see `in_own_scale`), on any device.
        placement: of the decoder.
        timestep: that a decoder is told which takes away noise; None for the others.
        tiling: decode pictures larger than a tile in overlapping tiles, each with a memory of its own.

    Returns:
        Frames ``(height, width, 3)``, RGB, one by one.
    """
    noise = torch.Generator().manual_seed(0)

    def decode(tile: Tensor) -> Iterator[Tensor]:
        given = (latent.to(placement.device, vae.dtype) for latent in torch.split(tile, 1, dim=2))
        return stream(vae, given, timestep, noise)

    return decode_clip(vae, latents, placement, decode, Grid.of_strides(vae) if tiling else None)


def stream(
    vae: Any, latents: Iterable[Tensor], timestep: float | None = None, noise: torch.Generator | None = None
) -> Iterator[Tensor]:
    """Decode one clip, or one tile of it.

    Every layer is an iterator over what the layer before it gives: see `vstar_sdk.models.diffusers.streamed_layers`.

    Args:
        vae: see `decode_streamed`.
        latents: the latent frames of the clip, ``(1, channels, 1, height, width)`` each.
        timestep: see `decode_streamed`.
        noise: of decoders that add some of their own: the same for all frames of a clip.

    Returns:
        Pictures ``(1, 3, frames, height, width)`` from -1 to 1, a few frames at a time.
    """
    return _Decoder(vae.decoder, timestep, noise).decode(iter(latents))


class _Decoder(Layers):
    """The layers of a decoder."""

    def decode(self, x: Iterator[Tensor]) -> Iterator[Tensor]:
        """See `stream`."""
        decoder = self.network
        x = self.convolution(decoder.conv_in, x)
        for block in (decoder.mid_block, *decoder.up_blocks):
            if getattr(block, "conv_in", None) is not None:
                x = self.resnet(block.conv_in, x, None)
            for upsampler in getattr(block, "upsamplers", None) or ():
                x = self._upsampler(upsampler, x)
            for resnet in block.resnets:
                x = self.resnet(resnet, x, block.time_embedder)
        return map(self._pictures, self.convolution(decoder.conv_out, map(self._finish, x)))

    def _pictures(self, x: Tensor) -> Tensor:
        rows = self.network.patch_size
        return _depth_to_space(x, (self.network.patch_size_t, rows, rows), columns_first=True)

    def _finish(self, x: Tensor) -> Tensor:
        decoder = self.network
        x = normalized(decoder.norm_out, x)
        if decoder.time_embedder is not None:
            shift, scale = self.moves(decoder, decoder.time_embedder, x)
            x = x * (1 + scale) + shift
        return decoder.conv_act(x)

    def _upsampler(self, upsampler: Any, frames: Iterator[Tensor]) -> Iterator[Tensor]:
        stride: tuple[int, int, int] = upsampler.stride
        aside, first = Aside(), True

        def put(inputs: Tensor) -> Tensor:
            aside.put(inputs)
            return inputs

        def enlarge(x: Tensor) -> Tensor:
            nonlocal first
            count = x.shape[2]
            x = _depth_to_space(x, stride)
            if upsampler.residual:
                own = _depth_to_space(aside.take(count), stride)
                x = x + own.repeat(1, stride[0] * stride[1] * stride[2] // upsampler.upscale_factor, 1, 1, 1)
            # The first latent frame stands for one frame alone.
            x, first = x[:, :, stride[0] - 1 if first else 0 :], False
            return x

        return map(enlarge, self.convolution(upsampler.conv, map(put, frames) if upsampler.residual else frames))


def _depth_to_space(x: Tensor, stride: tuple[int, int, int], *, columns_first: bool = False) -> Tensor:
    """Channels to frames, rows and columns.

    Args:
        x: ``(1, channels * t * h * w, frames, height, width)``.
        stride: ``(t, h, w)``.
        columns_first: the order is ``(channels, t, w, h)``, as at the end of these decoders.
    """
    t, h, w = stride
    parts = torch.unflatten(x, 1, (-1, t, w, h) if columns_first else (-1, t, h, w))
    order = (0, 1, 5, 2, 6, 4, 7, 3) if columns_first else (0, 1, 5, 2, 6, 3, 7, 4)
    return parts.permute(order).flatten(6, 7).flatten(4, 5).flatten(2, 3)
