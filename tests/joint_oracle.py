"""Joint attention with everything materialised in float64, in the place of PyTorch's fused attention."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vstar_sdk.attention.operations import Bias
from vstar_sdk.clock import Clock


@contextmanager
def materialised(bias: Bias, clock: Clock, video: slice, tokens: int) -> Generator[list[Tensor]]:
    """While it is open, a network's own attention over so many tokens has a bias between the frames of the video.

    The whole matrix of tokens by tokens is made; masks are taken as the network gives them.

    Args:
        bias: of the frames.
        clock: of the clip.
        video: where its tokens are.
        tokens: of a sequence; other attentions stay as they are.

    Yields:
        What was added to the logits, ``(batch, heads, tokens, tokens)``, of every call.
    """
    position = torch.tensor(clock.positions, dtype=torch.float64)
    positions = (video.stop - video.start) // clock.latents
    pairs = bias.fn(position[:, None] - position).repeat_interleave(positions, 0).repeat_interleave(positions, 1)
    stock, added = functional.scaled_dot_product_attention, []

    def attend(query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, **options: Any) -> Tensor:
        if query.shape[-2] != tokens or key.shape[-2] != tokens:
            return stock(query, key, value, attn_mask=attn_mask, **options)
        logits = query.double() @ key.double().transpose(-1, -2) * query.shape[-1] ** -0.5
        inside = logits[..., video, video]
        largest, mean = inside.amax(-1, keepdim=True), inside.mean(-1, keepdim=True)
        rows = {"none": torch.ones_like(largest), "max": largest, "spread": largest - mean}
        extra = torch.zeros_like(logits)
        extra[..., video, video] = bias.strength * rows[bias.stat] * pairs
        added.append(extra)
        logits = logits + extra
        if attn_mask is not None:
            logits = logits.masked_fill(~attn_mask, -torch.inf)
        # A row of padding sees nothing, and gets nothing, as in PyTorch's own.
        return (logits.softmax(-1).nan_to_num(0.0) @ value.double()).to(value.dtype)

    functional.scaled_dot_product_attention = attend
    try:
        yield added
    finally:
        functional.scaled_dot_product_attention = stock
