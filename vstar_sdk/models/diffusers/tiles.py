"""Pictures larger than a tile, by decoders that take a clip bit by bit: every tile has one with a memory of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Decode = Callable[[Tensor], Iterator[Tensor]]
"""From the latents of a clip, ``(1, channels, latent frames, height, width)``, to its pictures, a few frames at a time."""

Sides = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True)
class Grid:
    """How a picture is cut into tiles. A pixel that holds several as channels counts as one.

    Attributes:
        latent: sides of a tile, in latents.
        stride: from one tile to the next, in latents.
        blend: how much two neighbours share, in pixels.
        kept: of each tile, in pixels.
    """

    latent: Sides
    stride: Sides
    blend: Sides
    kept: Sides

    @classmethod
    def of_strides(cls, vae: Any, patch: int = 1) -> Grid:
        """The grid of a decoder that says how far it is from tile to tile.

        Args:
            vae: with ``tile_sample_min_height``, ``tile_sample_stride_height`` and the like, and ``spatial_compression_ratio``.
            patch: pixels of a side that the pictures still hold as channels.
        """
        ratio: int = vae.spatial_compression_ratio
        sample, strides = _sides(vae, "tile_sample_min"), _sides(vae, "tile_sample_stride")
        latent, stride = ((height // ratio, width // ratio) for height, width in (sample, strides))
        kept = (stride[0] * ratio // patch, stride[1] * ratio // patch)
        return cls(latent, stride, (sample[0] // patch - kept[0], sample[1] // patch - kept[1]), kept)

    @classmethod
    def of_overlaps(cls, vae: Any, height: float, width: float) -> Grid:
        """The grid of a decoder that says by how much its tiles overlap.

        Args:
            vae: with ``tile_sample_min_height``, ``tile_latent_min_height`` and the like.
            height: that two neighbours share, as a part of a tile.
            width: likewise.
        """
        latent, sample = _sides(vae, "tile_latent_min"), _sides(vae, "tile_sample_min")
        stride = (int(latent[0] * (1 - height)), int(latent[1] * (1 - width)))
        blend = (int(sample[0] * height), int(sample[1] * width))
        return cls(latent, stride, blend, (sample[0] - blend[0], sample[1] - blend[1]))


def _sides(vae: Any, name: str) -> Sides:
    return int(getattr(vae, f"{name}_height")), int(getattr(vae, f"{name}_width"))


def decode_in_tiles(vae: Any, grid: Grid, latents: Tensor, decode: Decode) -> Iterator[Tensor]:
    """Decode overlapping tiles and blend them as diffusers' ``tiled_decode`` does; a picture of one tile as it is.

    Args:
        vae: whose ``blend_v`` and ``blend_h`` blend neighbours in place.
        grid: of the tiles.
        latents: of the clip.
        decode: a tile; all of them give equally many frames at a time.

    Returns:
        Pictures of the whole size, a few frames at a time.
    """
    height, width = latents.shape[-2:]
    tile = grid.latent
    if height <= tile[0] and width <= tile[1]:
        yield from decode(latents)
        return
    columns = range(0, width, grid.stride[1])
    decoders = [
        decode(latents[..., top : top + tile[0], left : left + tile[1]])
        for top in range(0, height, grid.stride[0])
        for left in columns
    ]
    for parts in zip(*decoders, strict=True):
        rows = [parts[first : first + len(columns)] for first in range(0, len(parts), len(columns))]
        for i, row in enumerate(rows):
            for j, part in enumerate(row):
                if i > 0:
                    vae.blend_v(rows[i - 1][j], part, grid.blend[0])
                if j > 0:
                    vae.blend_h(row[j - 1], part, grid.blend[1])
        kept = [torch.cat([part[..., : grid.kept[0], : grid.kept[1]] for part in row], dim=-1) for row in rows]
        yield torch.cat(kept, dim=-2)
