"""Frames from latents, a few at a time, so that memory does not grow with the length of a clip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vstar_sdk.models.diffusers.tiles import Decode, Grid, decode_in_tiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


def decode_frames(vae: Any, latents: Tensor, placement: Placement, batch: int = 1) -> Iterator[NDArray[np.uint8]]:
    """Decode a clip by a decoder that takes every frame by itself, ``batch`` at a time, however long it is.

    Args:
        vae: a diffusers ``AutoencoderKL``.
        latents: ``(1, channels, frames, height, width)``, on any device; moved to the decoder's a batch at a time.
        placement: of the decoder.
        batch: frames decoded at once.

    Returns:
        Frames ``(height, width, 3)``, RGB, one by one.
    """

    def decode(frames: Tensor) -> Tensor:
        scaled = (frames / vae.config["scaling_factor"]).to(placement.device, vae.dtype)
        return vae.decode(scaled, return_dict=False)[0].transpose(0, 1)[None]

    return frames_of(map(decode, torch.split(latents[0].transpose(0, 1), batch)), vae, placement)


def decode_clip(
    vae: Any, latents: Tensor, placement: Placement, decode: Decode, grid: Grid | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Decode a clip by a decoder that remembers what it needs of the past.

    Args:
        vae: it.
        latents: ``(1, channels, latent frames, height, width)``, on any device.
        placement: of the decoder.
        decode: the latents of a clip, or of one tile of it.
        grid: of the tiles, where larger pictures are decoded in such, each with a memory of its own.

    Returns:
        Frames ``(height, width, 3)``, RGB, one by one.
    """
    return frames_of(decode(latents) if grid is None else decode_in_tiles(vae, grid, latents, decode), vae, placement)


@torch.no_grad()
def frames_of(pictures: Iterator[Tensor], vae: Any, placement: Placement) -> Iterator[NDArray[np.uint8]]:
    """What a decoder gives as frames.

    Args:
        pictures: ``(1, 3, frames, height, width)`` from -1 to 1, a few frames at a time; computed as they are asked for.
        vae: the decoder.
        placement: of it.

    Returns:
        Frames ``(height, width, 3)``, RGB, one by one.
    """
    with placement.using(vae):
        while True:
            with placement.computing():
                some = next(pictures, None)
            if some is None:
                return
            some = some[0].float().div_(2.0).add_(0.5).clamp_(0.0, 1.0).mul_(255.0).round_()
            yield from some.permute(1, 2, 3, 0).to("cpu", torch.uint8).numpy()
