"""Pictures before Wan's image-to-video networks, as ``WanImageToVideoPipeline`` puts them there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vstar_sdk.models.diffusers.encoding import pixels
from vstar_sdk.models.diffusers.still import beside, moments_of
from vstar_sdk.models.wan.encoding import CHUNK, encode_causally, encode_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vstar_sdk.models.diffusers.placement import Placement


@dataclass(frozen=True, eq=False)
class Eyes:
    """What sees a picture for Wan 2.1.

    Attributes:
        network: a ``CLIPVisionModel``.
        processor: its ``CLIPImageProcessor``.
    """

    network: Any
    processor: Any


@dataclass(frozen=True, eq=False)
class Given:
    """What a network is given of pictures in every call.

    Attributes:
        channels: beside those of the latents: a mask and the encoded pictures, ``(1, channels, latent frames, height, width)``;
            None for networks that take none.
        seen: embeddings of the pictures, ``(pictures, tokens, dim)``; None for networks that read none.
        still: the first latent frames that have no noise: their tokens are at timestep 0.
    """

    channels: Tensor | None = None
    seen: Tensor | None = None
    still: int = 0

    def beside(self, latents: Tensor) -> Tensor:
        """Latents ``(videos, channels, ...)`` with the channels of the pictures behind their own."""
        return beside(latents, self.channels)

    def moments(self, timestep: Tensor, latents: Tensor, patch: int) -> Tensor:
        """Timesteps: one for each video, or for each token where some have no noise.

        Args:
            timestep: 0-d.
            latents: ``(videos, channels, latent frames, height, width)``.
            patch: latents of a side to a token.
        """
        frames, height, width = latents.shape[2:]
        return moments_of(timestep, len(latents), (frames, height // patch, width // patch), self.still)

    def embeddings(self, copies: int, like: Tensor) -> Tensor | None:
        """The embeddings for so many texts, ``(copies * pictures, tokens, dim)``."""
        return None if self.seen is None else self.seen.to(like).repeat(copies, 1, 1)


NOTHING = Given()


def beside_latents(
    vae: Any, pictures: Mapping[str, NDArray[np.uint8]], frames: int, placement: Placement, *, tiling: bool = False
) -> Tensor:
    """The channels beside the latents: which frames are given, and a clip of them, grey where none is.

    Args:
        vae: the encoder.
        pictures: ``first``, and ``last`` perhaps.
        frames: of the video.
        placement: of the encoder.
        tiling: encode in tiles.

    Returns:
        ``(1, frames of a latent frame + channels, latent frames, height, width)``, float32, on the CPU.
    """
    known = [0, frames - 1] if "last" in pictures else [0]
    latents = encode_parts(vae, _parts(pictures, frames), placement, tiling=tiling)
    per = vae.config["scale_factor_temporal"]
    mask = torch.zeros(frames, dtype=torch.float32)
    mask[known] = 1
    mask = torch.cat([mask[:1].repeat(per), mask[1:]]).view(-1, per).T
    return torch.cat([mask[None, :, :, None, None].expand(-1, -1, -1, *latents.shape[3:]), latents], dim=1)


def _parts(pictures: Mapping[str, NDArray[np.uint8]], frames: int) -> Iterator[Tensor]:
    """The clip of the pictures, as `encode_parts` takes it."""
    first = pixels([pictures["first"]])
    yield first
    for begin in range(1, frames, CHUNK):
        part = torch.zeros((1, 3, CHUNK, *first.shape[3:]), dtype=torch.float32)  # in the middle between black and white
        if "last" in pictures and begin + CHUNK == frames:
            part[:, :, -1:] = pixels([pictures["last"]])
        yield part


@torch.no_grad()
def seen(eyes: Eyes, pictures: Mapping[str, NDArray[np.uint8]], placement: Placement) -> Tensor:
    """What the picture encoder makes of pictures: its last layer but one.

    Args:
        eyes: it.
        pictures: ``first``, and ``last`` perhaps.
        placement: of the network.

    Returns:
        ``(pictures, tokens, dim)``, on the CPU.
    """
    shown = [Image.fromarray(np.ascontiguousarray(pictures[key])) for key in ("first", "last") if key in pictures]
    with placement.using(eyes.network):
        inputs = eyes.processor(images=shown, return_tensors="pt")["pixel_values"].to(placement.device, eyes.network.dtype)
        return eyes.network(pixel_values=inputs, output_hidden_states=True).hidden_states[-2].cpu()


def condition(
    vae: Any,
    eyes: Eyes | None,
    pictures: Mapping[str, NDArray[np.uint8]],
    frames: int,
    placement: Placement,
    *,
    beside: bool,
    tiling: bool = False,
) -> tuple[Given, Tensor | None]:
    """What a network is given, and the latents of the frames that have no noise.

    Args:
        vae: the encoder.
        eyes: of Wan 2.1; None for the others.
        pictures: see `beside_latents`.
        frames: of the video.
        placement: of the encoders.
        beside: whether the network takes channels beside the latents; else the first latent frame is the picture's.
        tiling: encode in tiles.
    """
    if not beside:
        clean = encode_causally(vae, [pictures["first"]], placement, tiling=tiling)
        return Given(still=1), clean
    channels = beside_latents(vae, pictures, frames, placement, tiling=tiling)
    return Given(channels, None if eyes is None else seen(eyes, pictures, placement)), None
