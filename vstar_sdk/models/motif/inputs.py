"""What the network of Motif-Video is called with."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vstar_sdk.models.motif.text import TOKENS, picture_shared, unpacked


@dataclass(frozen=True, eq=False)
class Picture:
    """What the network is given of a first picture.

    Attributes:
        latent: ``(1, channels, 1, height, width)``, in the denoiser's scale.
        seen: its tokens, ``(1, tokens, dim)``.
    """

    latent: Tensor
    seen: Tensor


def call(network: Any, latents: Tensor, timestep: Tensor, text: Tensor, first: Picture | None = None) -> Tensor:
    """One call. Without a picture the channels for it are 0.

    Args:
        network: a ``MotifVideoTransformer3DModel``.
        latents: ``(videos, channels, latent frames, height, width)``, in its precision.
        timestep: ``(videos,)``.
        text: of one key state or of several, one after the other: see `packed`.
        first: the picture, or None.

    Returns:
        The prediction, of the latents' shape.
    """
    videos, channels, *size = latents.shape
    whole = latents.new_zeros(videos, 2 * channels + 1, *size)
    whole[:, :channels] = latents
    seen, sharing = None, nullcontext()
    if first is not None:
        whole[:, channels:-1, :1] = first.latent.to(latents)
        whole[:, -1, 0] = 1
        seen = first.seen.to(latents).expand(videos, -1, -1)
        sharing = picture_shared(network, seen.shape[1], text.shape[1] // TOKENS, TOKENS)
    embeddings, mask = unpacked(text)
    with sharing:
        predicted: Tensor = network(
            hidden_states=whole,
            timestep=timestep,
            encoder_hidden_states=embeddings.to(latents.dtype),
            encoder_attention_mask=mask,
            image_embeds=seen,
            return_dict=False,
        )[0]
    return predicted
