"""The text of a run on Kandinsky 5, where every frame may read that of all key states."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.models.kandinsky5.text import TOKENS, Told, told, told_states


def text_of(network: Any, text: Tensor, frames: int) -> Told:
    """What some videos are told.

    Args:
        network: a ``Kandinsky5Transformer3DModel``. Where its attentions to the text are nursed they say which state each frame
            reads most of; elsewhere it is the first.
        text: ``(videos, latent frames, 1 + tokens, dim + 1)``, see `packed`; of several states ``(videos, 1, states * (1 +
            tokens), dim + 1)``.
        frames: latent frames.
    """
    pooled_dim: int = network.config.in_text_dim2
    reader = network.visual_transformer_blocks[0].cross_attention.processor
    states = torch.unflatten(text[:, 0], 1, (-1, 1 + TOKENS))
    if isinstance(reader, NursedProcessor):
        return told_states(states, pooled_dim, reader.nearest(len(text), text.device))
    if states.shape[1] > 1:
        return told_states(states, pooled_dim, torch.zeros(len(text), frames, dtype=torch.int64, device=text.device))
    return told(text, pooled_dim)
