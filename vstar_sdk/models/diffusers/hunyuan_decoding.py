"""Frames from the latents of HunyuanVideo's first decoder, which Kandinsky 5 has too.

The decoder normalises over all frames that it is given, so that what it makes of a frame depends on those beside it. diffusers
decodes a longer clip in windows of five latent frames, each of which begins with the last one or two of the window before, and
blends what two windows show both. The same frames come here window by window, so that memory does not grow with the clip. In the
middle of the decoder a latent frame attends to itself and those before it: one after the other, without a mask of all latent
positions by all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import AutoencoderKLHunyuanVideo
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.models.diffusers.decoding import frames_of
from vstar_sdk.models.diffusers.measuring import Cost, cost_of
from vstar_sdk.models.diffusers.tiles import Grid, decode_in_tiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


def decode_in_windows(
    vae: AutoencoderKLHunyuanVideo, latents: Tensor, placement: Placement, *, tiling: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """Decode a clip: see `vstar_sdk.models.diffusers.decoding.frames_of`.

    ``AutoencoderKLHunyuanVideo.decode`` gives the same frames, all at once.

    Args:
        vae: the decoder.
        latents: in the denoiser's scale.
        placement: of the decoder.
        tiling: decode pictures larger than a tile in overlapping tiles.
    """
    grid = Grid.of_strides(vae) if tiling else None
    return frames_of(_windows(vae, latents, placement.device, grid), vae, placement)


def windows_cost(vae: Any, frames: int, height: int, width: int, dtype: torch.dtype) -> Cost:
    """What decoding a clip takes without tiles.

    Args:
        vae: on the meta device.
        frames: latent frames.
        height: of the latents.
        width: likewise.
        dtype: of the decoder.
    """
    shape = (1, vae.config["latent_channels"], min(frames, _length(vae) + 1), height, width)
    one = cost_of(lambda: decoded(vae, torch.empty(shape, dtype=dtype, device="meta")))
    count = len(range(0, frames, _stride(vae))) if frames > _length(vae) else 1
    return Cost(one.flops * count, one.peak_bytes)


def _length(vae: Any) -> int:
    """Latent frames of a window, but for the one that it begins with."""
    return vae.tile_sample_min_num_frames // vae.temporal_compression_ratio


def _stride(vae: Any) -> int:
    """Latent frames from a window to the next."""
    return vae.tile_sample_stride_num_frames // vae.temporal_compression_ratio


def _windows(vae: Any, latents: Tensor, device: torch.device, grid: Grid | None) -> Iterator[Tensor]:
    """Pictures ``(1, 3, frames, height, width)`` of a clip, window by window."""

    def pictures(window: Tensor) -> Tensor:
        scaled = window.to(device, vae.dtype) / vae.config["scaling_factor"]
        if grid is None:
            return decoded(vae, scaled)
        return next(decode_in_tiles(vae, grid, scaled, lambda tile: iter([decoded(vae, tile)])))

    count, length, stride = latents.shape[2], _length(vae), _stride(vae)
    if count <= length:
        yield pictures(latents)
        return
    kept: int = vae.tile_sample_stride_num_frames
    blended: int = vae.tile_sample_min_num_frames - kept
    left = 1 + (count - 1) * vae.temporal_compression_ratio
    before: Tensor | None = None
    for start in range(0, count, stride):
        window = pictures(latents[:, :, start : start + length + 1])
        if before is None:
            part = window[:, :, : kept + 1]
        else:
            window = vae.blend_t(before, window[:, :, 1:], blended)
            part = window[:, :, :kept]
        before = window
        yield part[:, :, :left]
        left -= part.shape[2]
        if left <= 0:
            return


def decoded(vae: Any, latents: Tensor) -> Tensor:
    """What the decoder makes of a few latent frames at once: ``AutoencoderKLHunyuanVideo``'s own, without its mask.

    Args:
        vae: the decoder.
        latents: ``(1, channels, frames, height, width)``, in the decoder's scale.

    Returns:
        Pictures ``(1, 3, frames, height, width)`` from -1 to 1.
    """
    decoder = vae.decoder
    x = decoder.conv_in(vae.post_quant_conv(latents))
    x = in_the_middle(decoder.mid_block, x)
    for block in decoder.up_blocks:
        x = block(x)
    return decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(x)))


def in_the_middle(block: Any, x: Tensor) -> Tensor:
    """The block in the middle of the encoder or the decoder, without its mask.

    Args:
        block: it.
        x: ``(1, channels, frames, height, width)``.
    """
    x = block.resnets[0](x)
    for attention, residual in zip(block.attentions, block.resnets[1:], strict=True):
        x = residual(x if attention is None else _attended(attention, x))
    return x


def _attended(attention: Any, x: Tensor) -> Tensor:
    """Attention of every latent frame to itself and those before it."""
    positions = x.shape[-2] * x.shape[-1]
    tokens = x.flatten(2).transpose(1, 2)
    normal = attention.group_norm(tokens.transpose(1, 2)).transpose(1, 2)
    query, key, value = (
        project(normal).unflatten(2, (attention.heads, -1)).transpose(1, 2)
        for project in (attention.to_q, attention.to_k, attention.to_v)
    )
    seen = [
        scaled_dot_product_attention(own, key[:, :, :end], value[:, :, :end])
        for own, end in zip(query.split(positions, dim=2), range(positions, query.shape[2] + 1, positions), strict=True)
    ]
    out = attention.to_out[0](torch.cat(seen, dim=2).transpose(1, 2).flatten(2))
    return (out + tokens).transpose(1, 2).reshape(x.shape)
