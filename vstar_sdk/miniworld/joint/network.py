"""The denoiser of the joint sibling: Wan's transformer, told which frame is the first."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import Tensor


class MiniworldTransformer3DModel(WanTransformer3DModel):
    """A ``WanTransformer3DModel`` that may have one channel more going in than coming out: a mark on the first frame.

    Rotary positions say how far frames are apart, and not which is the first. In the larger models of this kind a decoder that
    compresses time marks the first latent frame; here every frame is decoded by itself, so a channel does.
    """

    def forward(
        self,
        hidden_states: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        encoder_hidden_states_image: Tensor | None = None,
        return_dict: bool = True,
        attention_kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """As ``WanTransformer3DModel.forward``, with latents ``(videos, channels, frames, height, width)`` without the mark."""
        config: Any = self.config
        given = mark_first(hidden_states) if config.in_channels > config.out_channels else hidden_states
        parent: Any = super()
        return parent.forward(
            given, timestep, encoder_hidden_states, encoder_hidden_states_image, return_dict, attention_kwargs=attention_kwargs
        )


def mark_first(latents: Tensor) -> Tensor:
    """Latents with one channel more, which is 1 in the first frame and 0 in all others.

    Args:
        latents: ``(videos, channels, frames, height, width)``.

    Returns:
        ``(videos, channels + 1, frames, height, width)``.
    """
    mark = torch.zeros_like(latents[:, :1])
    mark[:, :, 0] = 1
    return torch.cat([latents, mark], dim=1)
