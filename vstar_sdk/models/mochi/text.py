"""The text of Mochi: T5's tokens and their mask, in one tensor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vstar_sdk.models.diffusers.prompts import end_beyond

TOKENS = 256
"""Text tokens that the denoiser reads: what is longer is cut, what is shorter is padded, and the padding left out."""


def packed(embeddings: Tensor, mask: Tensor) -> Tensor:
    """Embeddings with their mask as one more channel.

    Args:
        embeddings: ``(prompts, tokens, dim)``.
        mask: ``(prompts, tokens)``, 0 for padding.

    Returns:
        ``(prompts, tokens, dim + 1)``.
    """
    return torch.cat([embeddings, mask.to(embeddings.dtype)[..., None]], dim=-1)


def unpacked(text: Tensor) -> tuple[Tensor, Tensor]:
    """What was packed: the embeddings, and the mask as booleans."""
    return text[..., :-1], text[..., -1] > 0


def cut_off(tokenizer: Any, prompt: str) -> str:
    """The end of a prompt that the denoiser does not read; "" when it reads all."""
    return end_beyond(TOKENS, tokenizer, prompt)
