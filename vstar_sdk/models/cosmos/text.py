"""The text of Cosmos Predict 2.5: a chat with the prompt in it, of which the network reads all layers' hidden states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vstar_sdk.models.diffusers.prompts import end_beyond

TOKENS = 512
"""Tokens of the chat that the denoiser reads: what is longer is cut at its end."""
_SYSTEM = "You are a helpful assistant who will provide prompts to an image generator."


def chat(tokenizer: Any, prompt: str, **how: Any) -> Any:
    """The chat with a prompt in it, as the tokenizer's template writes it.

    Args:
        tokenizer: of Qwen2.5-VL, with its chat template.
        prompt: any text.
        how: further arguments of the template.
    """
    said = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in (("system", _SYSTEM), ("user", prompt))]
    return tokenizer.apply_chat_template(said, add_generation_prompt=False, add_vision_id=False, **how)


def of_all_layers(states: Sequence[Tensor]) -> Tensor:
    """The hidden states of all layers but the first input, each token's of mean 0 and deviation 1, beside each other.

    Args:
        states: ``(batch, tokens, channels)`` each.

    Returns:
        ``(batch, tokens, layers * channels)``.
    """
    normal = [(x - x.mean(dim=-1, keepdim=True)) / (x.std(dim=-1, keepdim=True) + 1e-8) for x in states[1:]]
    return torch.cat(normal, dim=-1)


def cut_off(tokenizer: Any, prompt: str) -> str:
    """The end of a prompt that the denoiser does not read; "" when it reads all.

    Args:
        tokenizer: see `chat`.
        prompt: any text.
    """
    begun = chat(tokenizer, "|", tokenize=False).rpartition("|<")[0]
    before = len(tokenizer(begun, add_special_tokens=False)["input_ids"])
    return end_beyond(TOKENS - before, tokenizer, prompt, special=0)
