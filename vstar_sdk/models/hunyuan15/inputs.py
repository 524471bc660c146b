"""What the network of HunyuanVideo 1.5 is called with."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vstar_sdk.models.hunyuan15.states import states_told_apart
from vstar_sdk.models.hunyuan15.text import Text


@dataclass(frozen=True, eq=False)
class Picture:
    """What the network is given of a first picture.

    Attributes:
        latent: ``(1, channels, 1, height, width)``, in the denoiser's scale.
        seen: its tokens, ``(1, tokens, dim)``.
    """

    latent: Tensor
    seen: Tensor


def call(
    network: Any,
    latents: Tensor,
    timestep: Tensor,
    text: Text,
    picture: int,
    states: int = 1,
    first: Picture | None = None,
) -> Tensor:
    """One call. Without a picture the channels and the tokens for it are 0, and the network hides those tokens.

    Args:
        network: a ``HunyuanVideo15Transformer3DModel``.
        latents: ``(videos, channels, latent frames, height, width)``, in its precision.
        timestep: ``(videos,)``, likewise.
        text: likewise.
        picture: tokens for a picture.
        states: key states that the text is of.
        first: the picture, or None.

    Returns:
        The prediction, of the latents' shape.
    """
    videos, channels, *size = latents.shape
    whole = latents.new_zeros(videos, 2 * channels + 1, *size)
    whole[:, :channels] = latents
    if first is None:
        shown = latents.new_zeros(videos, picture, network.config.image_embed_dim)
    else:
        whole[:, channels:-1, :1] = first.latent.to(latents)
        whole[:, -1, 0] = 1
        shown = first.seen.to(latents).expand(videos, -1, -1)
    with states_told_apart(network, text, states, shown) if states > 1 else nullcontext():
        predicted: Tensor = network(
            hidden_states=whole,
            timestep=timestep,
            encoder_hidden_states=text.prompt,
            encoder_attention_mask=text.prompt_mask,
            encoder_hidden_states_2=text.glyphs,
            encoder_attention_mask_2=text.glyphs_mask,
            image_embeds=shown,
            return_dict=False,
        )[0]
    return predicted
