"""The text of CogVideoX."""

from __future__ import annotations

from typing import Any


def cut_off(tokenizer: Any, prompt: str, length: int) -> str:
    """The end of a prompt that the denoiser does not read; "" when it reads all.

    Args:
        tokenizer: of T5.
        prompt: any text.
        length: tokens that the denoiser reads.
    """
    tokens = tokenizer(prompt, add_special_tokens=False, verbose=False)["input_ids"]
    return str(tokenizer.decode(tokens[length - 1 :]))  # one token is the end's
