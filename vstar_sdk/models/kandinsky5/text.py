"""The text of Kandinsky 5: Qwen2.5-VL's tokens, as many as the prompt has, and CLIP's one vector for all of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from vstar_sdk.models.diffusers.masked_text import NEVER, with_presence, without_presence
from vstar_sdk.models.diffusers.prompts import end_beyond

TOKENS = 512
"""Tokens of a prompt that are read at most, as the pipeline takes them unless it is told otherwise."""


class Told(NamedTuple):
    """What the network is told, once for every video or once for every latent frame of every video.

    Attributes:
        tokens: ``(texts, tokens, dim)``, no longer than the longest text.
        pooled: ``(texts, other dim)``.
        bias: ``(texts, tokens)`` for the logits of the text, float32; None where all of it is there in every text.
        frames: latent frames, where each has a text of its own; None where a text is for a whole video.
        nearest: where every frame reads all texts of its video, one for each key state: ``(videos, latent frames)``, that whose
            vector each frame has.
    """

    tokens: Tensor
    pooled: Tensor
    bias: Tensor | None
    frames: int | None
    nearest: Tensor | None = None


def packed(tokens: Tensor, pooled: Tensor) -> Tensor:
    """Both parts of some texts as one tensor, which can be mixed with others.

    Args:
        tokens: of Qwen2.5-VL, ``(texts, tokens, dim)``, without padding.
        pooled: of CLIP, ``(texts, other dim)``, where the other dim is at most ``dim``.

    Returns:
        ``(texts, 1 + 512, dim + 1)``, float32: the pooled vector first; then the tokens, zeros behind their end. The last channel
        says what is there. More tokens than 512 give as many more.
    """
    dim, count = tokens.shape[-1], tokens.shape[1]
    first = pad(pooled, (0, dim - pooled.shape[-1]))[:, None]
    whole = pad(torch.cat([first, tokens], dim=1).float(), (0, 0, 0, max(TOKENS - count, 0)))
    there = torch.arange(whole.shape[1], device=whole.device) <= count
    return with_presence(whole, there.expand(len(whole), -1))


def told(text: Tensor, pooled_dim: int) -> Told:
    """What some videos are told.

    Args:
        text: ``(videos, latent frames, 1 + tokens, dim + 1)``: see `packed`, or mixtures of such.
        pooled_dim: channels of the pooled vector.
    """
    same = text.stride(1) == 0 or torch.equal(text, text[:, :1].expand_as(text))
    each = text[:, 0] if same else text.flatten(0, 1)
    there = (each[..., 1:, -1] > 0).any(dim=0)
    longest = int(there.nonzero().max()) + 1
    embeddings, bias = without_presence(each[:, : 1 + longest])
    bias = bias[:, 1:] if bias[:, 1:].any() else None
    return Told(embeddings[:, 1:], embeddings[:, 0, :pooled_dim], bias, None if same else text.shape[1])


def told_states(text: Tensor, pooled_dim: int, nearest: Tensor) -> Told:
    """What some videos are told, of which every frame reads all key states.

    All places of every text stay, as the plan counts them; that of the pooled vector, behind the tokens, is masked.

    Args:
        text: ``(videos, states, 1 + tokens, dim + 1)``: see `packed`.
        pooled_dim: channels of the pooled vector.
        nearest: see `Told`.
    """
    embeddings, bias = without_presence(text.flatten(0, 1).float().roll(-1, dims=1))
    bias[:, -1] = NEVER
    return Told(embeddings, embeddings[:, -1, :pooled_dim], bias, None, nearest)


def cut_off(tokenizer: Any, prompt: str) -> str:
    """The end of a prompt that the network does not read; "" when it reads all."""
    return end_beyond(TOKENS, tokenizer, prompt, special=0)
