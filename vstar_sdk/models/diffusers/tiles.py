"""Pictures larger than a tile, by decoders that take a clip bit by bit: every tile has one with a memory of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

Decode = Callable[[Tensor], Iterator[Tensor]]
"""From the latents of a clip, ``(1, channels, latent frames, height, width)``, to its pictures, a few frames at a time."""


def decode_in_tiles(vae: Any, latents: Tensor, decode: Decode, patch: int = 1) -> Iterator[Tensor]:
    """Decode overlapping tiles and blend them as diffusers' ``tiled_decode`` does.

    Args:
        vae: with ``tile_sample_min_height``, ``tile_sample_stride_height`` and the like, and ``spatial_compression_ratio``.
        latents: of the clip.
        decode: a tile; all of them give equally many frames at a time.
        patch: pixels of a side that the pictures still hold as channels.

    Returns:
        Pictures of the whole size, a few frames at a time.
    """
    ratio: int = vae.spatial_compression_ratio
    tile = (vae.tile_sample_min_height // ratio, vae.tile_sample_min_width // ratio)
    pixels = (int(vae.tile_sample_stride_height), int(vae.tile_sample_stride_width))
    stride, kept = [[side // unit for side in pixels] for unit in (ratio, patch)]
    blend = (vae.tile_sample_min_height // patch - kept[0], vae.tile_sample_min_width // patch - kept[1])
    height, width = latents.shape[-2:]
    columns = range(0, width, stride[1])
    decoders = [
        decode(latents[..., top : top + tile[0], left : left + tile[1]])
        for top in range(0, height, stride[0])
        for left in columns
    ]
    for parts in zip(*decoders, strict=True):
        rows = [parts[first : first + len(columns)] for first in range(0, len(parts), len(columns))]
        for i, row in enumerate(rows):
            for j, part in enumerate(row):
                if i > 0:
                    vae.blend_v(rows[i - 1][j], part, blend[0])
                if j > 0:
                    vae.blend_h(row[j - 1], part, blend[1])
        whole = torch.cat([torch.cat([part[..., : kept[0], : kept[1]] for part in row], dim=-1) for row in rows], dim=-2)
        yield whole[..., : height * ratio // patch, : width * ratio // patch]


def exceeds_a_tile(vae: Any, latents: Tensor) -> bool:
    """Whether a picture is larger than a tile."""
    ratio = vae.spatial_compression_ratio
    return latents.shape[-2] > vae.tile_sample_min_height // ratio or latents.shape[-1] > vae.tile_sample_min_width // ratio
