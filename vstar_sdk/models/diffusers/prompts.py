"""Prompts as tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def tokens_of(tokenizer: Any, prompt: str, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """A prompt as so many tokens: what is longer is cut, what is shorter is padded.

    Args:
        tokenizer: a tokenizer of transformers.
        prompt: any text.
        length: tokens that a text encoder reads.
        device: of the result.

    Returns:
        Tokens ``(1, length)``, and a mask of the same shape, 0 for padding.
    """
    read = tokenizer(
        prompt, padding="max_length", max_length=length, truncation=True, add_special_tokens=True, return_tensors="pt"
    )
    return read["input_ids"].to(device), read["attention_mask"].to(device)


def end_beyond(tokens: int, tokenizer: Any, prompt: str, *, special: int = 1) -> str:
    """The end of a prompt that a text encoder does not see; "" when it sees all.

    Args:
        tokens: that it reads.
        tokenizer: its tokenizer.
        prompt: as the tokenizer is given it.
        special: how many of the tokens mark beginning and end.
    """
    read = tokenizer(prompt, add_special_tokens=False, verbose=False)["input_ids"]
    return str(tokenizer.decode(read[tokens - special :]))
