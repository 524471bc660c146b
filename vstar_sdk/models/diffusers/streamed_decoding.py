"""Frames from the latents of LTX and LTX-2, a latent frame at a time.

Their decoders look both ways in time: most of their convolutions read a frame before and a frame behind. So each one here holds
back its last frame until the next has come, and remembers the two that it still needs. What comes out is what
``vae.decode`` gives for the whole clip.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from torch import Tensor

from vstar_sdk.models.diffusers.decoding import decode_clip
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

    Every layer is an iterator over what the layer before it gives. They are made of ``map``, which keeps nothing of what it has
    passed on, so that a frame is in the memory of one layer alone.

    Args:
        vae: see `decode_streamed`.
        latents: the latent frames of the clip, ``(1, channels, 1, height, width)`` each.
        timestep: see `decode_streamed`.
        noise: of decoders that add some of their own: the same for all frames of a clip.

    Returns:
        Pictures ``(1, 3, frames, height, width)`` from -1 to 1, a few frames at a time.
    """
    return _Layers(vae.decoder, timestep, noise).decode(iter(latents))


class _Layers:
    """The layers of a decoder as iterators.

    Args:
        decoder: of the VAE.
        timestep: see `stream`.
        noise: likewise.
    """

    def __init__(self, decoder: Any, timestep: float | None, noise: torch.Generator | None) -> None:
        self._decoder, self._timestep, self._generator = decoder, timestep, noise

    def decode(self, x: Iterator[Tensor]) -> Iterator[Tensor]:
        """See `stream`."""
        decoder = self._decoder
        x = self._convolution(decoder.conv_in, x)
        for block in (decoder.mid_block, *decoder.up_blocks):
            if getattr(block, "conv_in", None) is not None:
                x = self._resnet(block.conv_in, x, None)
            for upsampler in getattr(block, "upsamplers", None) or ():
                x = self._upsampler(upsampler, x)
            for resnet in block.resnets:
                x = self._resnet(resnet, x, block.time_embedder)
        return map(self._pictures, self._convolution(decoder.conv_out, map(self._finish, x)))

    def _pictures(self, x: Tensor) -> Tensor:
        rows = self._decoder.patch_size
        return _depth_to_space(x, (self._decoder.patch_size_t, rows, rows), columns_first=True)

    def _finish(self, x: Tensor) -> Tensor:
        decoder = self._decoder
        x = _normalized(decoder.norm_out, x)
        if decoder.time_embedder is not None:
            shift, scale = self._moves(decoder, decoder.time_embedder, x)
            x = x * (1 + scale) + shift
        return decoder.conv_act(x)

    def _moves(self, module: Any, embedder: Any, x: Tensor) -> tuple[Tensor, ...]:
        """Shifts and scales of a module's channels, as the timestep says."""
        if self._timestep is None:
            raise ValueError("this decoder also denoises: it needs a timestep")
        given = torch.full((1,), self._timestep, device=x.device, dtype=x.dtype)
        if self._decoder.timestep_scale_multiplier is not None:
            given = given * self._decoder.timestep_scale_multiplier.to(x.device)
        embedded: Tensor = embedder(timestep=given, resolution=None, aspect_ratio=None, batch_size=1, hidden_dtype=x.dtype)
        table: Tensor = module.scale_shift_table.to(x)[None, ..., None, None, None]
        return (embedded.view(1, len(table[0]), -1, 1, 1, 1) + table).unbind(dim=1)

    def _convolution(self, convolution: Any, frames: Iterator[Tensor]) -> Iterator[Tensor]:
        """A convolution over time: of the frames whose neighbours are known, and at the end of the last ones."""
        size: int = convolution.kernel_size[0]
        causal = getattr(convolution, "is_causal", getattr(self._decoder, "is_causal", False))
        before = size - 1 if causal else (size - 1) // 2
        seen: Tensor | None = None

        def convolve(x: Tensor) -> Tensor | None:
            nonlocal seen
            x = torch.cat([x[:, :, :1].repeat(1, 1, before, 1, 1) if seen is None else seen, x], dim=2)
            seen = x[:, :, max(0, x.shape[2] - size + 1) :].clone()
            return convolution.conv(x) if x.shape[2] >= size else None

        def rest() -> Iterator[Tensor]:
            if seen is not None and before < size - 1:
                yield convolution.conv(torch.cat([seen, seen[:, :, -1:].repeat(1, 1, size - 1 - before, 1, 1)], dim=2))

        return chain(filter(_is_there, map(convolve, frames)), rest())

    def _resnet(self, resnet: Any, frames: Iterator[Tensor], embedder: Any) -> Iterator[Tensor]:
        aside = _Aside()
        given = resnet.scale_shift_table is not None

        def enter(inputs: Tensor) -> Tensor:
            aside.put(inputs)
            x = _normalized(resnet.norm1, inputs)
            if given:
                shift, scale, _, _ = self._moves(resnet, embedder, x)
                x = x * (1 + scale) + shift
            return resnet.nonlinearity(x)

        def between(x: Tensor) -> Tensor:
            x = _normalized(resnet.norm2, x)
            if given:
                _, _, shift, scale = self._moves(resnet, embedder, x)
                x = x * (1 + scale) + shift
            return resnet.dropout(resnet.nonlinearity(x))

        def leave(x: Tensor) -> Tensor:
            inputs = aside.take(x.shape[2])
            if resnet.norm3 is not None:
                inputs = resnet.norm3(inputs.movedim(1, -1)).movedim(-1, 1)
            if resnet.conv_shortcut is not None:  # it reads one frame
                inputs = getattr(resnet.conv_shortcut, "conv", resnet.conv_shortcut)(inputs)
            return x + inputs

        x = self._noisy(resnet.per_channel_scale1, self._convolution(resnet.conv1, map(enter, frames)))
        return map(leave, self._noisy(resnet.per_channel_scale2, self._convolution(resnet.conv2, map(between, x))))

    def _noisy(self, scale: Tensor | None, frames: Iterator[Tensor]) -> Iterator[Tensor]:
        if scale is None:
            return frames
        noise: Tensor | None = None

        def add(x: Tensor) -> Tensor:
            nonlocal noise
            if noise is None:
                noise = torch.randn(x.shape[-2:], generator=self._generator, dtype=x.dtype).to(x.device)[None] * scale.to(x)
            return x + noise[None, :, None]

        return map(add, frames)

    def _upsampler(self, upsampler: Any, frames: Iterator[Tensor]) -> Iterator[Tensor]:
        stride: tuple[int, int, int] = upsampler.stride
        aside, first = _Aside(), True

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

        return map(enlarge, self._convolution(upsampler.conv, map(put, frames) if upsampler.residual else frames))


class _Aside:
    """Frames that wait until what is computed from them is there."""

    def __init__(self) -> None:
        self._frames: list[Tensor] = []

    def put(self, frames: Tensor) -> None:
        self._frames.append(frames)

    def take(self, count: int) -> Tensor:
        frames = torch.cat(self._frames, dim=2)
        self._frames = [frames[:, :, count:].clone()]
        return frames[:, :, :count]


def _is_there(frames: Tensor | None) -> TypeGuard[Tensor]:
    return frames is not None


def _normalized(norm: Any, x: Tensor) -> Tensor:
    # LTX normalizes the last dimension, LTX-2 the channels where they are.
    return norm(x) if hasattr(norm, "channel_dim") else norm(x.movedim(1, -1)).movedim(-1, 1)


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
