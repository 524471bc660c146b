"""Latents of frames: the other way round of `vstar_sdk.models.diffusers.decoding`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


def pixels(frames: Iterable[NDArray[np.uint8]]) -> Tensor:
    """Frames as encoders take them.

    Args:
        frames: ``(height, width, 3)``, RGB, uint8.

    Returns:
        ``(1, 3, frames, height, width)`` from -1 to 1, float32, on the CPU: what diffusers' ``VideoProcessor`` makes of pictures.
    """
    stacked = torch.tensor(np.stack(list(frames))).permute(3, 0, 1, 2)[None]
    # In one order of memory, on which the last bits of a convolution depend.
    return stacked.contiguous().float().div_(255.0).mul_(2.0).sub_(1.0)


@torch.no_grad()
def encode_pictures(
    vae: Any,
    frames: Iterable[NDArray[np.uint8]],
    placement: Placement,
    batch: int,
    means: Callable[[Tensor], Tensor],
) -> Tensor:
    """Encode a clip by an encoder that takes every frame by itself.

    Args:
        vae: it.
        frames: ``(height, width, 3)``, RGB, uint8.
        placement: of it.
        batch: frames encoded at once.
        means: of the latents of pictures ``(frames, 3, height, width)``, in the encoder's scale.

    Returns:
        ``(1, channels, frames, height, width)`` in the denoiser's scale, float32, on the CPU.
    """

    def encode(some: Iterable[NDArray[np.uint8]]) -> Tensor:
        given = pixels(some)[0].transpose(0, 1).contiguous().to(placement.device, vae.dtype)
        return means(given).float().cpu() * vae.config["scaling_factor"]

    with placement.using(vae), placement.computing():
        return torch.cat([encode(some) for some in batches(frames, batch)]).transpose(0, 1)[None]


@torch.no_grad()
def encode_clip(vae: Any, frames: Iterable[NDArray[np.uint8]], placement: Placement, *, tiling: bool = False) -> Tensor:
    """Encode a clip by the encoder's own way over time, which some take in chunks and others at once.

    Args:
        vae: an autoencoder of diffusers.
        frames: ``(height, width, 3)``, RGB, uint8, as many as its clips may have.
        placement: of it.
        tiling: encode pictures larger than a tile in overlapping tiles.

    Returns:
        The means ``(1, channels, latent frames, height, width)`` in the encoder's scale, float32, on the CPU.
    """
    return encode_whole(vae, pixels(frames), placement, tiling=tiling)


@torch.no_grad()
def encode_whole(
    vae: Any, clip: Tensor, placement: Placement, *, tiling: bool = False, generator: torch.Generator | None = None
) -> Tensor:
    """The same of a clip as one tensor.

    Args:
        vae: an autoencoder of diffusers.
        clip: ``(1, 3, frames, height, width)`` from -1 to 1.
        placement: of it.
        tiling: see `encode_clip`.
        generator: draws a sample; None gives the means.
    """
    with placement.using(vae), placement.computing(), _tiled(vae, tiling):
        found = vae.encode(clip.to(placement.device, vae.dtype)).latent_dist
        return (found.mode() if generator is None else found.sample(generator)).float().cpu()


@torch.no_grad()
def encode_in_parts(
    vae: Any, parts: Iterable[Tensor], placement: Placement, encode: Callable[[Iterator[Tensor]], Iterator[Tensor]]
) -> Tensor:
    """The same of a clip in parts, by an encoder that remembers what it needs of the past: memory does not grow with the clip.

    Args:
        vae: whose encoder it is.
        parts: ``(1, 3, frames, height, width)`` from -1 to 1, see `chunks`.
        placement: of it.
        encode: from these, on the device, to the means of their latent frames, in the encoder's scale.
    """
    with placement.using(vae), placement.computing():
        given = (part.to(placement.device, vae.dtype) for part in parts)
        return torch.cat([mean.float().cpu() for mean in encode(given)], dim=2)


@contextmanager
def _tiled(vae: Any, tiling: bool) -> Generator[None]:
    before = vae.use_tiling
    vae.use_tiling = tiling
    try:
        yield
    finally:
        vae.use_tiling = before


def chunks(frames: Iterable[NDArray[np.uint8]], count: int) -> Iterator[Tensor]:
    """The first frame alone, then so many at a time: what each latent frame stands for; see `pixels`.

    Args:
        frames: ``(height, width, 3)``, RGB, uint8; 1 + k count of them.
        count: frames of a latent frame.
    """
    own = iter(frames)
    yield pixels([next(own)])
    yield from map(pixels, batches(own, count))


def batches(frames: Iterable[NDArray[np.uint8]], count: int) -> Iterator[list[NDArray[np.uint8]]]:
    """Frames, so many at a time; the last time perhaps fewer."""
    own = iter(frames)
    while some := list(islice(own, count)):
        yield some
