"""The text of LTX."""

from __future__ import annotations

from typing import Any

from vstar_sdk.models.diffusers.prompts import end_beyond

TOKENS = 128
"""Text tokens that the denoiser reads: what is longer is cut, what is shorter is padded, and the padding masked."""


def cut_off(tokenizer: Any, prompt: str) -> str:
    """The end of a prompt that the denoiser does not read; "" when it reads all."""
    return end_beyond(TOKENS, tokenizer, prompt)
