"""Attention with other rotary positions than the model's own."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from vstar_sdk.attention.executors import Executor, Frames, JointExecutor
from vstar_sdk.attention.layout import ALL_VIDEO, Layout
from vstar_sdk.attention.placing import Placed, placed
from vstar_sdk.attention.sites import RotaryPositions


class RotatedAttention:
    """Another executor, with queries and keys turned further than the model has turned them; those of text are not.

    Two turns of a pair of channels are one by the sum of their angles, so that nothing of the model's own needs to be undone.

    Args:
        attend: the other.
        positions: which channels are turned.
        cos: of the angles between the wanted positions and the model's own, ``(frames, pairs)``.
        sin: likewise.
    """

    def __init__(self, attend: Executor, positions: RotaryPositions, cos: Tensor | Placed, sin: Tensor | Placed) -> None:
        self._attend, self._positions = attend, positions
        self._cos, self._sin = placed(cos), placed(sin)
        self._places = placed(torch.tensor(positions.places, dtype=torch.float64)) if positions.places else None

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        self._cos.on(device, torch.float32)
        self._sin.on(device, torch.float32)
        if self._places is not None:
            self._places.on(device, torch.int64)
        self._attend.prepare(device, dtype)

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, layout: Layout = ALL_VIDEO
    ) -> Tensor:
        """The attention output; of all frames, for nothing calls this one from inside."""
        del part
        query, key = self._turned(query, layout), self._turned(key, layout)
        if layout is ALL_VIDEO:
            return self._attend(query, key, value)
        return cast(JointExecutor, self._attend)(query, key, value, layout=layout)

    def _turned(self, x: Tensor, layout: Layout) -> Tensor:
        """Queries or keys ``(batch, heads, tokens, head_dim)``, those of the video turned in float32."""
        if self._places is not None:
            return self._turned_by_head(x, layout, self._places.on(x.device, torch.int64))
        cos, sin = (table.on(x.device, torch.float32)[:, None] for table in (self._cos, self._sin))
        first, pairs = self._positions.first, cos.shape[-1]
        where = layout.video(x.shape[-2]), slice(first, first + 2 * pairs)
        frames = torch.unflatten(x[..., *where], -2, (len(cos), -1)).float()
        shape = (-1, 2) if self._positions.pairs == "neighbours" else (2, -1)
        axis = -1 if self._positions.pairs == "neighbours" else -2
        one, other = torch.unflatten(frames, -1, shape).unbind(axis)
        turned = torch.stack([one * cos - other * sin, one * sin + other * cos], dim=axis).flatten(-2).flatten(-3, -2)
        out = x.clone()
        out[..., *where] = turned
        return out

    def _turned_by_head(self, x: Tensor, layout: Layout, places: Tensor) -> Tensor:
        """The same, where every head has frequencies of its own."""
        cos, sin = (table.on(x.device, torch.float32)[:, None] for table in (self._cos, self._sin))
        video, heads = layout.video(x.shape[-2]), x.shape[1]
        side_by_side = x.transpose(1, 2).flatten(2)  # (batch, tokens, channels of all heads), a copy
        frames = torch.unflatten(side_by_side[:, video], 1, (len(cos), -1)).float()
        one, other = frames[..., places], frames[..., places + 1]
        side_by_side[:, video, places] = (one * cos - other * sin).flatten(1, 2).to(x.dtype)
        side_by_side[:, video, places + 1] = (one * sin + other * cos).flatten(1, 2).to(x.dtype)
        return torch.unflatten(side_by_side, 2, (heads, -1)).transpose(1, 2)
