"""Attention from the tokens of a clip to the text tokens of its key states, with a bias for every frame and state."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.attention.executors import Frames
from vstar_sdk.attention.placing import Placed, placed


class SegmentAttention:
    """``softmax(A + B[frame of i, state of j]) V``, frame by frame: a mask of tokens by tokens is never made.

    Args:
        bias: ``B``, ``(frames, states)``.
        tokens: text tokens of every state, in the order of the keys.
    """

    def __init__(self, bias: Tensor | Placed, tokens: tuple[int, ...]) -> None:
        self._bias = placed(bias)
        self._state = placed(torch.arange(len(tokens), dtype=torch.float64).repeat_interleave(torch.tensor(tokens)))

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        self._bias.on(device, dtype)
        self._state.on(device, torch.int64)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None) -> Tensor:
        """The attention output.

        Args:
            query: ``(batch, heads, frames * positions, head_dim)``.
            key: ``(batch, heads, text tokens, head_dim)``.
            value: ``(batch, heads, text tokens, channels)``.
            part: None.
        """
        del part
        masks = self._bias.on(query.device, query.dtype)[:, self._state.on(query.device, torch.int64)]
        frames = torch.unflatten(query, -2, (len(masks), -1)).unbind(-3)
        mixed = [
            scaled_dot_product_attention(q, key, value, attn_mask=mask[None, None, None])
            for q, mask in zip(frames, masks, strict=True)
        ]
        return torch.cat(mixed, dim=-2)
