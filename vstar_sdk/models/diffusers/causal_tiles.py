"""Causal decoding of large pictures in overlapping tiles, each with a memory of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Decode = Callable[[Tensor], Tensor]
"""The next latent frames, ``(1, channels, latent frames, height, width)``, to their pictures."""

Sides = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True)
class Grid:
    """How a picture is cut into tiles.

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
    def of(cls, latent: Sides, sample: Sides, overlaps: tuple[float, float]) -> Grid:
        """The grid of tiles that overlap by a part of themselves.

        Args:
            latent: sides of a tile, in latents.
            sample: likewise, in pixels.
            overlaps: parts of the height and of the width.
        """
        height, width = overlaps
        blend = (int(sample[0] * height), int(sample[1] * width))
        stride = (int(latent[0] * (1 - height)), int(latent[1] * (1 - width)))
        return cls(latent, stride, blend, (sample[0] - blend[0], sample[1] - blend[1]))

    def exceeded_by(self, latents: Tensor) -> bool:
        """Whether pictures are larger than a tile."""
        return latents.shape[-2] > self.latent[0] or latents.shape[-1] > self.latent[1]


class TiledDecoder:
    """Tiles decoded one by one and blended, as diffusers' ``tiled_decode`` does; see `Decode`.

    Args:
        vae: whose ``blend_v`` and ``blend_h`` blend neighbours in place.
        grid: of the tiles.
        decoder: makes the decoder of one tile.
    """

    def __init__(self, vae: Any, grid: Grid, decoder: Callable[[], Decode]) -> None:
        self._vae, self._grid, self._decoder = vae, grid, decoder
        self._decoders: dict[Sides, Decode] = {}

    def __call__(self, latents: Tensor) -> Tensor:
        """The frames of the next latent frames."""
        grid, (height, width) = self._grid, latents.shape[-2:]
        rows = [
            [self._decode(latents, top, left) for left in range(0, width, grid.stride[1])]
            for top in range(0, height, grid.stride[0])
        ]
        for i, row in enumerate(rows):
            for j, tile in enumerate(row):
                if i > 0:
                    self._vae.blend_v(rows[i - 1][j], tile, grid.blend[0])
                if j > 0:
                    self._vae.blend_h(row[j - 1], tile, grid.blend[1])
        kept = [torch.cat([tile[..., : grid.kept[0], : grid.kept[1]] for tile in row], dim=-1) for row in rows]
        return torch.cat(kept, dim=-2)

    def _decode(self, latents: Tensor, top: int, left: int) -> Tensor:
        if (top, left) not in self._decoders:
            self._decoders[top, left] = self._decoder()
        height, width = self._grid.latent
        return self._decoders[top, left](latents[..., top : top + height, left : left + width])
