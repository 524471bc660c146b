"""Frames to latents of MiniMax-H3 and back, 17 frames at a time.

Its encoder takes 17 frames by themselves, and its decoder seven latent frames at a time, of which two come again: where two parts
overlap they are blended. diffusers holds the whole clip. Pictures are in tiles that overlap, as the model was published.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vstar_sdk.models.diffusers.decoding import frames_of
from vstar_sdk.models.diffusers.encoding import batches, pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue, from 0 to 1: pictures are in units of the deviation, from the mean on."""


def decode_in_parts(vae: Any, latents: Tensor, placement: Placement) -> Iterator[NDArray[np.uint8]]:
    """Decode a clip a part at a time: see `frames_of`. ``AutoencoderKLMiniMaxH3.decode`` gives the same frames, all at once.

    Args:
        vae: the decoder.
        latents: ``(1, channels, latent frames, height, width)``, in the denoiser's scale.
        placement: of the decoder.
    """
    return frames_of(parts(vae, latents, placement.device), vae, placement)


def parts(vae: Any, latents: Tensor, device: torch.device) -> Iterator[Tensor]:
    """Frames ``(1, 3, frames, height, width)`` from -1 to 1, 17 at a time and then the last five.

    Args:
        vae: the decoder.
        latents: see `decode_in_parts`.
        device: of the decoder.
    """
    size, ratio, padding = vae.tokens_chunk_size, vae.temporal_compression_ratio, vae.frame_pre_padding
    mean, deviation = _of_latents(vae, latents)
    before: Tensor | None = None
    for start in range(0, latents.shape[2] - vae.token_overlap, size):
        some = latents[:, :, start : start + size + vae.token_overlap] * deviation + mean
        made = vae._decode_clip(some.to(device, vae.post_quant_conv.weight.dtype))
        own, rest = made[:, :, padding : size * ratio], made[:, :, size * ratio + padding :]
        yield _shown(own if before is None else vae._blend(before, own, vae.frame_overlap, dim=-3))
        before = rest
    if before is not None:
        yield _shown(before)


@torch.no_grad()
def encode_in_parts(vae: Any, frames: Iterable[NDArray[np.uint8]], placement: Placement) -> Tensor:
    """Encode a clip 17 frames at a time. ``AutoencoderKLMiniMaxH3.encode`` gives the same means.

    Args:
        vae: the encoder.
        frames: ``(height, width, 3)``, RGB, ``17 n + 5`` of them.
        placement: of the encoder.

    Returns:
        The means ``(1, channels, latent frames, height, width)`` in the denoiser's scale, float32, on the CPU.
    """
    clip: int = vae.config["clip_length"]

    def encode(some: list[NDArray[np.uint8]]) -> Tensor:
        given = _in_units(pixels([*some, *[some[-1]] * (clip - len(some))]))
        return vae._encode_clip(given.to(placement.device, vae.quant_conv.weight.dtype)).chunk(2, dim=1)[0].float().cpu()

    with placement.using(vae), placement.computing():
        found = torch.cat([encode(some) for some in batches(frames, clip)], dim=2)[:, :, : -vae.config["token_drop"]]
    mean, deviation = _of_latents(vae, found)
    return (found - mean) / deviation


def _of_latents(vae: Any, latents: Tensor) -> tuple[Tensor, Tensor]:
    mean, deviation = (
        torch.tensor(vae.config[key], dtype=torch.float32).view(1, -1, 1, 1, 1).to(latents)
        for key in ("latents_mean", "latents_std")
    )
    return mean, deviation


def _of_pixels(like: Tensor) -> tuple[Tensor, Tensor]:
    mean, deviation = (torch.tensor(numbers, dtype=torch.float32).view(1, 3, 1, 1, 1).to(like) for numbers in (MEAN, DEVIATION))
    return mean, deviation


def _in_units(clip: Tensor) -> Tensor:
    """Pictures from -1 to 1 as the encoder takes them."""
    mean, deviation = _of_pixels(clip)
    return (clip.add(1.0).div(2.0) - mean) / deviation


def _shown(clip: Tensor) -> Tensor:
    """What the decoder gives as pictures from -1 to 1."""
    mean, deviation = _of_pixels(clip.float())
    return (clip.float() * deviation + mean).mul(2.0).sub(1.0)
