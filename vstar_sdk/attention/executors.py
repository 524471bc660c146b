"""Executors: attention with a set of operations, compiled once and called many times.

Every executor takes queries, keys and values of shape ``(batch, heads, frames, head_dim)`` and returns the same shape. It may be
asked for a part of the frames, and then is told which.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.attention.joint_texts import attend_by_frames
from vstar_sdk.attention.layout import ALL_VIDEO, Layout
from vstar_sdk.attention.placing import Placed, placed
from vstar_sdk.errors import PluginError

PART_OF_A_MAP = "a mix replaces the attention over all frames, but a wrap at the same site attends to some frames only"


class Frames(NamedTuple):
    """Which frames the queries and the keys are of: int64 tensors ``(n,)`` and ``(m,)``; at joint sites, of the video alone."""

    queries: Tensor
    keys: Tensor

    def of(self, matrix: Tensor) -> Tensor:
        """The part ``(n, m)`` of a matrix over all pairs of frames."""
        return matrix[self.queries[:, None], self.keys]


class Executor(Protocol):
    """Attention with some operations."""

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """Put its matrices on a device before the first call: a compiled graph then reads them where they are.

        Args:
            device: of the queries.
            dtype: of the queries.
        """
        ...

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None) -> Tensor:
        """Attend.

        Args:
            query: ``(batch, heads, frames, head_dim)``.
            key: likewise.
            value: ``(batch, heads, frames, channels)``.
            part: which frames these are; None for all, in their order.

        Returns:
            ``(batch, heads, frames, channels)``.
        """
        ...


class JointExecutor(Protocol):
    """An `Executor` of joint sites, which is told where the video stands in the sequence."""

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        ...

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, layout: Layout = ALL_VIDEO
    ) -> Tensor:
        """Attend.

        Args:
            query: ``(batch, heads, tokens, head_dim)``.
            key: likewise.
            value: ``(batch, heads, tokens, channels)``.
            part: the frame of every video token of queries and keys; None for all frames in their order.
            layout: of the keys; queries have as many tokens of text.

        Returns:
            ``(batch, heads, tokens, channels)``. What a token of padding gets is finite, and means nothing.
        """
        ...


class PlainAttention:
    """PyTorch's fused attention, as the model has it."""

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, layout: Layout = ALL_VIDEO
    ) -> Tensor:
        """The attention output."""
        del part
        if layout.told is not None:
            return attend_by_frames(query, key, value, layout, layout.told)
        return scaled_dot_product_attention(query, key, value, attn_mask=layout.mask)


plain_attention = PlainAttention()
"""One instance is enough: it holds nothing."""


class MaskedAttention:
    """``softmax(A + B) V`` as PyTorch's fused attention with an additive mask.

    The mask is in the precision of the queries. In half of it every row is first moved to a largest value of 0, which a softmax
    ignores: so a large bias keeps its digits, and is not infinite.

    Args:
        bias: ``B``, ``(frames, frames)``.
    """

    def __init__(self, bias: Tensor | Placed) -> None:
        self._bias = placed(bias)

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        self._bias.on(device, _precise(dtype))

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None) -> Tensor:
        """The attention output."""
        precise = _precise(query.dtype)
        bias = self._bias.on(query.device, precise)
        bias = bias if part is None else part.of(bias)
        if precise != query.dtype:
            bias = (bias - bias.amax(dim=-1, keepdim=True)).to(query.dtype)
        # Four dimensions can be read in one way only; some backends take a mask of two for (batch, keys).
        return scaled_dot_product_attention(query, key, value, attn_mask=bias[None, None])


def _precise(dtype: torch.dtype) -> torch.dtype:
    """The precision in which a bias is kept: float32 for queries of half of it."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


class ScaledAttention:
    """Another executor, its queries and keys scaled frame by frame.

    Args:
        attend: the other.
        q: ``(frames,)``, or None for 1.
        k: ``(frames,)``, or None for 1.
    """

    def __init__(self, attend: Executor, q: Tensor | Placed | None, k: Tensor | Placed | None) -> None:
        self._attend = attend
        self._q, self._k = (None if factors is None else placed(factors) for factors in (q, k))

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        for factors in filter(None, (self._q, self._k)):
            factors.on(device, torch.float32)
        self._attend.prepare(device, dtype)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None) -> Tensor:
        """The attention output."""
        query = scaled(query, self._q, None if part is None else part.queries)
        return self._attend(query, scaled(key, self._k, None if part is None else part.keys), value, part)


class MixedAttention:
    """``keep P V + M V``: the output of another executor, mixed with that of a fixed map.

    Args:
        attend: the other, which gives ``P V``.
        keep: its weight, 0-d where it changes; at the number 0 the other is not called.
        fixed: ``M``, ``(frames, frames)``, whose rows sum to ``1 - keep``.
    """

    def __init__(self, attend: Executor, keep: float | Placed, fixed: Tensor | Placed) -> None:
        self._attend, self._fixed = attend, placed(fixed)
        # A number is placed too: a step of a course is then computed as a constant is, to the last bit.
        number = keep if isinstance(keep, Placed) else torch.tensor(keep, dtype=torch.float64)
        self._keep = None if keep == 0.0 else placed(number)

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        self._fixed.on(device, dtype)
        if self._keep is not None:
            self._keep.on(device, torch.float32)
        self._attend.prepare(device, dtype)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None) -> Tensor:
        """The attention output.

        Raises:
            PluginError: it was asked for a part of the frames, on which the rows of the map do not sum to 1.
        """
        if part is not None:
            raise PluginError(PART_OF_A_MAP, hint="give the two regularizers different levels or windows")
        fixed = self._fixed.on(value.device, value.dtype) @ value
        if self._keep is None:
            return fixed
        return fixed.add_(self._attend(query, key, value) * self._keep.on(value.device, torch.float32))


def scaled(x: Tensor, factors: Placed | None, frames: Tensor | None = None, layout: Layout = ALL_VIDEO) -> Tensor:
    """Queries or keys ``(batch, heads, tokens, head_dim)``, those of the video times the factor of their frame.

    Args:
        x: queries or keys.
        factors: ``(frames,)``, or None for 1.
        frames: which frames they are of; None for all, in their order.
        layout: of a joint site whose sequence holds text too.
    """
    if factors is None:
        return x
    there = factors.on(x.device, torch.float32)
    there = there if frames is None else there[frames]
    video = layout.video(x.shape[2])
    by_frame = torch.unflatten(x[:, :, video], -2, (len(there), -1)) * there[:, None, None]
    changed = by_frame.flatten(-3, -2).to(x.dtype)
    if not layout.texts:
        return changed
    out = x.clone()
    out[:, :, video] = changed
    return out
