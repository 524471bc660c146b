"""Prompts as tokens."""

from __future__ import annotations

from typing import Any


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
