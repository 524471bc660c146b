"""Joint attention with everything materialised in float64, in the place of PyTorch's fused attention."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vstar_sdk.attention.operations import Bias, Mix
from vstar_sdk.clock import Clock


@contextmanager
def materialised(operation: Bias | Mix, clock: Clock, video: slice, *tokens: int) -> Generator[list[Tensor]]:
    """While it is open, a network's own attention over so many tokens has a bias or a mask between the frames of the video.

    The whole matrix of tokens by tokens is made; masks are taken as the network gives them.

    Args:
        operation: of the frames; of a mixture, which pairs are inside the mask.
        clock: of the clip.
        video: where its tokens are.
        tokens: of a sequence, or of each kind of sequence; other attentions stay as they are.

    Yields:
        What was added to the logits, ``(batch, heads, tokens, tokens)``, of every call; for a mixture, to the masked part of it.
    """
    position = torch.tensor(clock.positions, dtype=torch.float64)
    positions = (video.stop - video.start) // clock.latents
    pairs = operation.fn(position[:, None] - position).repeat_interleave(positions, 0).repeat_interleave(positions, 1)
    stock, added = functional.scaled_dot_product_attention, []

    def attend(query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, **options: Any) -> Tensor:
        if query.shape[-2] not in tokens or key.shape[-2] != query.shape[-2]:
            return stock(query, key, value, attn_mask=attn_mask, **options)
        logits = query.double() @ key.double().transpose(-1, -2) * query.shape[-1] ** -0.5
        inside = logits[..., video, video]
        extra = torch.zeros_like(logits)
        if isinstance(operation, Bias):
            largest, mean = inside.amax(-1, keepdim=True), inside.mean(-1, keepdim=True)
            rows = {"none": torch.ones_like(largest), "max": largest, "spread": largest - mean}
            extra[..., video, video] = operation.strength * rows[operation.stat] * pairs
        else:
            extra[..., video, video] = torch.zeros_like(pairs).masked_fill(pairs == 0, -torch.inf)
        added.append(extra)
        if attn_mask is not None:
            logits = logits.masked_fill(~attn_mask, -torch.inf)
        probabilities = (logits + extra).softmax(-1)
        if isinstance(operation, Mix):  # the text keeps the share that it has without
            plain = logits.softmax(-1)
            replaced = plain.clone()
            share = plain[..., video, video].sum(-1, keepdim=True)
            replaced[..., video, video] = share * (inside + extra[..., video, video]).softmax(-1)
            probabilities = torch.lerp(plain, replaced, operation.weight)
        # A row of padding sees nothing, and gets nothing, as in PyTorch's own.
        return (probabilities.nan_to_num(0.0) @ value.double()).to(value.dtype)

    functional.scaled_dot_product_attention = attend
    try:
        yield added
    finally:
        functional.scaled_dot_product_attention = stock
