"""The text of LTX-2: one embedding for the video and one for the sound, of the same tokens, with one mask."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vstar_sdk.models.diffusers.masked_text import with_presence, without_presence
from vstar_sdk.models.diffusers.prompts import end_beyond

TOKENS = 1024
"""Text tokens that the connectors read: what is longer is cut, what is shorter is filled up."""


def joined(video: Tensor, audio: Tensor, mask: Tensor) -> Tensor:
    """Both embeddings and the mask as one text.

    Args:
        video: ``(prompts, tokens, dim)``.
        audio: ``(prompts, tokens, other dim)``.
        mask: ``(prompts, tokens)``.

    Returns:
        ``(prompts, tokens, dim + other dim + 1)``.
    """
    return with_presence(torch.cat([video, audio], dim=-1), mask)


def parted(text: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """What `joined` made, or a mixture of such: both embeddings, and the bias of each token.

    Args:
        text: ``(..., tokens, dim + other dim + 1)``.
        dim: channels of the video's embedding.

    Returns:
        ``(..., tokens, dim)``, ``(..., tokens, other dim)`` and ``(..., tokens)``.
    """
    embeddings, bias = without_presence(text)
    return embeddings[..., :dim], embeddings[..., dim:], bias


def cut_off(tokenizer: Any, prompt: str) -> str:
    """The end of a prompt that the text encoder does not read; "" when it reads all."""
    return end_beyond(TOKENS, tokenizer, prompt.strip(), special=tokenizer.num_special_tokens_to_add())
