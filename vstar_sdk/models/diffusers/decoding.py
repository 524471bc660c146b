"""Frames from latents, by a decoder that takes every frame by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


@torch.no_grad()
def decode_frames(vae: Any, latents: Tensor, placement: Placement, batch: int = 1) -> Iterator[NDArray[np.uint8]]:
    """Decode the frames of a clip, ``batch`` at a time, however long it is: memory does not grow with its length.

    Args:
        vae: a diffusers ``AutoencoderKL``.
        latents: ``(1, channels, frames, height, width)``, on any device; moved to the decoder's a batch at a time.
        placement: of the decoder.
        batch: frames decoded at once.

    Returns:
        Frames ``(height, width, 3)``, RGB, one by one.
    """
    scale = vae.config["scaling_factor"]
    with placement.using(vae):
        for frames in torch.split(latents[0].transpose(0, 1), batch):
            with placement.computing():
                pictures = vae.decode((frames / scale).to(placement.device, vae.dtype), return_dict=False)[0].float()
            pictures = pictures.div_(2.0).add_(0.5).clamp_(0.0, 1.0).mul_(255.0).round_()
            yield from pictures.permute(0, 2, 3, 1).to("cpu", torch.uint8).numpy()
