"""The text of Wan."""

from __future__ import annotations

import html
from typing import Any

from vstar_sdk.models.diffusers.prompts import end_beyond

TOKENS = 512
"""Text tokens that the denoiser reads: what is longer is cut, what is shorter ends in zeros."""


def clean(prompt: str) -> str:
    """A prompt as the model was trained on it: no entities of HTML, single spaces."""
    return " ".join(html.unescape(html.unescape(prompt)).split())


def cut_off(tokenizer: Any, prompt: str) -> str:
    """The end of a prompt that the denoiser does not read; "" when it reads all."""
    return end_beyond(TOKENS, tokenizer, clean(prompt))
