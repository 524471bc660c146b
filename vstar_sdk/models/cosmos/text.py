"""The text of Cosmos Predict 2.5: a chat with the prompt in it."""

from __future__ import annotations

from typing import Any

from vstar_sdk.models.diffusers.prompts import end_beyond

TOKENS = 512
"""Tokens of the chat that the denoiser reads: what is longer is cut at its end."""
_SYSTEM = "You are a helpful assistant who will provide prompts to an image generator."


def cut_off(tokenizer: Any, prompt: str) -> str:
    """The end of a prompt that the denoiser does not read; "" when it reads all.

    Args:
        tokenizer: of Qwen2.5-VL, with its chat template.
        prompt: any text.
    """
    begun = tokenizer.apply_chat_template(
        [{"role": "system", "content": [{"type": "text", "text": _SYSTEM}]}, {"role": "user", "content": [_part("|")]}],
        tokenize=False,
        add_generation_prompt=False,
    ).rpartition("|<")[0]
    before = len(tokenizer(begun, add_special_tokens=False)["input_ids"])
    return end_beyond(TOKENS - before, tokenizer, prompt, special=0)


def _part(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}
