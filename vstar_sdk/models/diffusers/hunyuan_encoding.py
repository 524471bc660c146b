"""Latents of frames by HunyuanVideo's first encoder, which Kandinsky 5 has too.

Like the decoder it normalises over all frames that it is given. diffusers encodes a longer clip in windows that overlap, and
blends what two windows have both. The same windows come here one after the other, so that memory does not grow with the clip.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import AutoencoderKLHunyuanVideo
from torch import Tensor

from vstar_sdk.models.diffusers.encoding import encode_in_parts, pixels
from vstar_sdk.models.diffusers.hunyuan_decoding import in_the_middle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


@torch.no_grad()
def encode_in_windows(
    vae: AutoencoderKLHunyuanVideo, frames: Iterable[NDArray[np.uint8]], placement: Placement, *, tiling: bool = False
) -> Tensor:
    """Encode a clip: ``AutoencoderKLHunyuanVideo.encode`` gives the same means, and wants all of it at once.

    Args:
        vae: the encoder.
        frames: ``(height, width, 3)``, RGB, uint8, 1 + 4k of them.
        placement: of the encoder.
        tiling: encode pictures larger than a tile in overlapping tiles.

    Returns:
        The means ``(1, channels, latent frames, height, width)`` in the encoder's scale, float32, on the CPU.
    """
    network: Any = vae
    length, stride = network.tile_sample_min_num_frames, network.tile_sample_stride_num_frames
    windows = _windows(frames, length, stride)
    return encode_in_parts(vae, windows, placement, lambda given: _blended(vae, given, tiling=tiling))


def _windows(frames: Iterable[NDArray[np.uint8]], length: int, stride: int) -> Iterator[Tensor]:
    """Windows of one frame more than their length; of a clip that is no longer, one window."""
    own = iter(frames)
    held = list(islice(own, length + 1))
    if len(held) <= length:
        yield pixels(held)
        return
    while held:
        yield pixels(held)
        held = [*held[stride:], *islice(own, stride)]


def _blended(vae: Any, windows: Iterable[Tensor], *, tiling: bool) -> Iterator[Tensor]:
    """The means of a clip, window by window: each begins with a frame of the one before, and is blended with its end."""
    ratio: int = vae.temporal_compression_ratio
    kept = vae.tile_sample_stride_num_frames // ratio
    shared = vae.tile_sample_min_num_frames // ratio - kept
    before: Tensor | None = None
    for frames in windows:
        latents = _encoded(vae, frames, tiling=tiling).chunk(2, dim=1)[0]
        if before is None:
            before = latents
            yield latents[:, :, : kept + 1] if frames.shape[2] > vae.tile_sample_min_num_frames else latents
        else:
            latents = vae.blend_t(before, latents[:, :, 1:], shared)
            before = latents
            yield latents[:, :, :kept]


def _encoded(vae: Any, frames: Tensor, *, tiling: bool) -> Tensor:
    """What the encoder makes of a window: ``AutoencoderKLHunyuanVideo``'s own, without its mask, where it is in no tiles."""
    height, width = frames.shape[-2:]
    if tiling and (height > vae.tile_sample_min_height or width > vae.tile_sample_min_width):
        return vae.tiled_encode(frames)
    encoder = vae.encoder
    x = encoder.conv_in(frames)
    for block in encoder.down_blocks:
        x = block(x)
    x = in_the_middle(encoder.mid_block, x)
    return vae.quant_conv(encoder.conv_out(encoder.conv_act(encoder.conv_norm_out(x))))
