"""Attention from the tokens of a clip to the text tokens of its key states, with a bias for every frame and state."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.attention.call import Current
from vstar_sdk.attention.executors import Frames
from vstar_sdk.attention.placing import Placed, placed


class SegmentAttention:
    """``softmax(A + B[frame of i, state of j]) V``, frame by frame: a mask of tokens by tokens is never made.

    A video that the prompt does not condition has one text, in the place of the first state's: it reads that alone.

    Args:
        bias: ``B``, ``(frames, states)``.
        tokens: text tokens of every state, in the order of the keys.
        current: says which videos the prompt conditions.
    """

    def __init__(self, bias: Tensor | Placed, tokens: Sequence[int], current: Current) -> None:
        self._bias, self._tokens, self._current = placed(bias), tuple(tokens), current
        self._state = placed(torch.arange(len(tokens), dtype=torch.float64).repeat_interleave(torch.tensor(tokens)))

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        del dtype
        self._bias.on(device, torch.float32)
        self._state.on(device, torch.int64)

    def nearest(self, videos: int, device: torch.device) -> Tensor:
        """The state that each frame reads most of, ``(videos, frames)``.

        Of a video that the prompt does not condition it is the first, where its text stands.

        Args:
            videos: of the call.
            device: of the result.
        """
        most = self._bias.on(device, torch.float32).argmax(dim=1)
        return torch.stack([most if told else torch.zeros_like(most) for told in self._current.prompted(videos)])

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """The attention output.

        Args:
            query: ``(batch, heads, frames * positions, head_dim)``.
            key: ``(batch, heads, text tokens, head_dim)``.
            value: ``(batch, heads, text tokens, channels)``.
            part: None.
            mask: what the model itself adds to the logits of each text token, ``(batch, 1, 1, text tokens)``.
        """
        del part
        prompted = self._current.prompted(len(query))
        if all(prompted):
            return self._told(query, key, value, mask)
        return torch.cat([self._of_one(video, told, query, key, value, mask) for video, told in enumerate(prompted)])

    def _of_one(self, video: int, told: bool, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        one = slice(video, video + 1)
        own = None if mask is None else mask[one]
        if told:
            return self._told(query[one], key[one], value[one], own)
        text = slice(self._tokens[0])
        own = None if own is None else own[..., text].to(query.dtype)
        return scaled_dot_product_attention(query[one], key[one, :, text], value[one, :, text], attn_mask=own)

    def _told(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        rows = self._bias.on(query.device, torch.float32)[:, self._state.on(query.device, torch.int64)]
        frames = torch.unflatten(query, -2, (len(rows), -1)).unbind(-3)
        mixed: list[Tensor] = []
        for q, row in zip(frames, rows, strict=True):
            added = row[None, None, None] if mask is None else row + mask.float()
            mixed.append(scaled_dot_product_attention(q, key, value, attn_mask=added.to(query.dtype)))
        return torch.cat(mixed, dim=-2)
