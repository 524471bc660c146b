"""Frames from the latents of CogVideoX: its causal decoder takes two latent frames at a time and remembers the past."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import AutoencoderKLCogVideoX
from torch import Tensor

from vstar_sdk.models.diffusers.causal_tiles import Decode, Grid, TiledDecoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


def at_once(count: int, vae: AutoencoderKLCogVideoX) -> list[int]:
    """How many latent frames are decoded together, as it was trained: two, and first of an odd number three.

    Args:
        count: latent frames of the clip.
        vae: the decoder.
    """
    size = vae.num_latent_frames_batch_size
    times = max(count // size, 1)
    return [count - (times - 1) * size, *[size] * (times - 1)]


@torch.no_grad()
def decode_causally(
    vae: AutoencoderKLCogVideoX, latents: Tensor, placement: Placement, *, tiling: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """Decode a clip a few frames at a time, however long it is: memory does not grow with its length.

    ``AutoencoderKLCogVideoX.decode`` gives the same frames, all at once.

    Args:
        vae: the decoder.
        latents: ``(1, channels, latent frames, height, width)`` in the denoiser's scale, on any device.
        placement: of the decoder.
        tiling: decode pictures larger than a tile in overlapping tiles, each with a memory of its own.

    Returns:
        Frames ``(height, width, 3)``, RGB, one by one.
    """
    grid = _grid(vae)
    tiled = tiling and grid.exceeded_by(latents)
    decode: Decode = TiledDecoder(vae, grid, lambda: CausalDecoder(vae)) if tiled else CausalDecoder(vae)
    with placement.using(vae):
        for some in torch.split(latents, at_once(latents.shape[2], vae), dim=2):
            scaled = some / vae.config["scaling_factor"]
            with placement.computing():
                frames = decode(scaled.to(placement.device, vae.dtype))
            frames = frames[0].float().div_(2.0).add_(0.5).clamp_(0.0, 1.0).mul_(255.0).round_()
            yield from frames.permute(1, 2, 3, 0).to("cpu", torch.uint8).numpy()


class CausalDecoder:
    """The decoder with the memory of one clip, or of one tile of it."""

    def __init__(self, vae: AutoencoderKLCogVideoX) -> None:
        self._vae: Any = vae
        self._past: dict[str, Any] | None = None

    def __call__(self, latents: Tensor) -> Tensor:
        """The frames of the next latent frames: see `Decode`."""
        if self._vae.post_quant_conv is not None:
            latents = self._vae.post_quant_conv(latents)
        frames, self._past = self._vae.decoder(latents, conv_cache=self._past)
        return frames


def _grid(vae: AutoencoderKLCogVideoX) -> Grid:
    return Grid.of(
        latent=(vae.tile_latent_min_height, vae.tile_latent_min_width),
        sample=(vae.tile_sample_min_height, vae.tile_sample_min_width),
        overlaps=(vae.tile_overlap_factor_height, vae.tile_overlap_factor_width),
    )
