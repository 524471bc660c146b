"""The text of Motif-Video: T5Gemma 2's tokens and their mask, in one tensor."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.models.diffusers.prompts import end_beyond
from vstar_sdk.models.motif.sites import motif_text_sites

TOKENS = 512
"""Text tokens that the denoiser reads: what is longer is cut, what is shorter is padded, and the padding hidden."""


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
    return end_beyond(TOKENS, tokenizer, prompt, special=tokenizer.num_special_tokens_to_add())


@contextmanager
def picture_shared(network: Any, picture: int, states: int, tokens: int) -> Generator[None]:
    """While it is open, nursed attentions take the tokens of a picture, which stand before the text, as those of all key states.

    Args:
        network: a ``MotifVideoTransformer3DModel``.
        picture: its tokens.
        states: how many key states there are.
        tokens: of the text of each.
    """
    order = torch.cat([torch.full((picture,), -1), torch.arange(states).repeat_interleave(tokens)])[None]
    joint = (site.name for site in motif_text_sites(network.config) if site.kind == "joint")
    processors = [network.get_submodule(name).processor for name in joint]
    nursed = [processor for processor in processors if isinstance(processor, NursedProcessor)]
    for processor in nursed:
        processor.states = order.to(network.device)
    try:
        yield
    finally:
        for processor in nursed:
            processor.states = None
