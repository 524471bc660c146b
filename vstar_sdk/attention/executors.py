"""Executors: attention with a set of operations, compiled once and called many times.

Every executor takes queries, keys and values of shape ``(batch, heads, frames, head_dim)`` and returns the same shape. It may be
asked for a part of the frames, and then is told which.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple, Protocol
from weakref import WeakValueDictionary

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.attention.layout import ALL_VIDEO, Layout
from vstar_sdk.attention.operations import Wrap
from vstar_sdk.errors import PluginError, VstarError, out_of_memory


class Frames(NamedTuple):
    """Which frames the queries and the keys are of: int64 tensors of shape ``(n,)`` and ``(m,)``."""

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
            part: None.
            layout: of the tokens.

        Returns:
            ``(batch, heads, tokens, channels)``. What a token of padding gets is finite, and means nothing.
        """
        ...


class Placed:
    """A matrix kept in float64 on the CPU, and placed once for every device and precision that asks for it.

    Made by `placed`.
    """

    def __init__(self, matrix: Tensor) -> None:
        self._matrix = matrix
        self._placed: dict[tuple[torch.device, torch.dtype], Tensor] = {}
        self._latest: Tensor | None = None

    def on(self, device: torch.device, dtype: torch.dtype) -> Tensor:
        """The matrix on a device, in a precision."""
        if torch.compiler.is_compiling():  # a graph that reads a dictionary is compiled again when it has changed
            there = self._latest
            if there is not None and there.device == device and there.dtype == dtype:
                return there
            return self._matrix.to(dtype).to(device)
        if (device, dtype) not in self._placed:
            self._placed[device, dtype] = self._matrix.to(dtype).to(device)  # in this order: some devices have no float64
        self._latest = self._placed[device, dtype]
        return self._latest


_IN_USE: WeakValueDictionary[tuple[tuple[int, ...], bytes], Placed] = WeakValueDictionary()


def placed(matrix: Tensor) -> Placed:
    """A matrix to be placed; equal ones are the same, for the sites of a level mostly have equal ones.

    Args:
        matrix: float64, on the CPU; not to be changed afterwards.
    """
    key = tuple(matrix.shape), hashlib.sha256(matrix.detach().numpy().tobytes()).digest()
    return _IN_USE.setdefault(key, Placed(matrix))


class PlainAttention:
    """PyTorch's fused attention, as the model has it."""

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, layout: Layout = ALL_VIDEO
    ) -> Tensor:
        """The attention output."""
        del part
        return scaled_dot_product_attention(query, key, value, attn_mask=layout.mask)


plain_attention = PlainAttention()
"""The only one that there need be."""


class MaskedAttention:
    """``softmax(A + B) V`` as PyTorch's fused attention with an additive mask.

    Args:
        bias: ``B``, ``(frames, frames)``.
    """

    def __init__(self, bias: Tensor) -> None:
        self._bias = placed(bias)

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        self._bias.on(device, dtype)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None) -> Tensor:
        """The attention output."""
        bias = self._bias.on(query.device, query.dtype)
        # Four dimensions can be read in one way only; some backends take a mask of two for (batch, keys).
        mask = (bias if part is None else part.of(bias))[None, None]
        return scaled_dot_product_attention(query, key, value, attn_mask=mask)


class ScaledAttention:
    """Another executor, its queries and keys scaled frame by frame.

    Args:
        attend: the other.
        q: ``(frames,)``, or None for 1.
        k: ``(frames,)``, or None for 1.
    """

    def __init__(self, attend: Executor, q: Tensor | None, k: Tensor | None) -> None:
        self._attend = attend
        self._q, self._k = (None if factors is None else placed(factors[:, None]) for factors in (q, k))

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        for factors in filter(None, (self._q, self._k)):
            factors.on(device, torch.float32)
        self._attend.prepare(device, dtype)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None) -> Tensor:
        """The attention output."""
        query = _scaled(query, self._q, None if part is None else part.queries)
        return self._attend(query, _scaled(key, self._k, None if part is None else part.keys), value, part)


class MixedAttention:
    """``keep P V + M V``: the output of another executor, mixed with that of a fixed map.

    Args:
        attend: the other, which gives ``P V``.
        keep: its weight; at 0 it is not called.
        fixed: ``M``, ``(frames, frames)``, whose rows sum to ``1 - keep``.
    """

    def __init__(self, attend: Executor, keep: float, fixed: Tensor) -> None:
        self._attend, self._keep, self._fixed = attend, keep, placed(fixed)

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        self._fixed.on(device, dtype)
        self._attend.prepare(device, dtype)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None) -> Tensor:
        """The attention output.

        Raises:
            PluginError: it was asked for a part of the frames, on which the rows of the map do not sum to 1.
        """
        if part is not None:
            raise PluginError(
                "a mix replaces the attention over all frames, and a wrap at the same site asks for a part of them",
                hint="give the two regularizers different levels or windows",
            )
        fixed = self._fixed.on(value.device, value.dtype) @ value
        return fixed if self._keep == 0.0 else fixed.add_(self._attend(query, key, value), alpha=self._keep)


class WrappedAttention:
    """Another executor, called by the function of a `Wrap`.

    Args:
        attend: the other.
        wrap: the operation.
        where: whose it is and where, for messages.
    """

    def __init__(self, attend: Executor, wrap: Wrap, where: str) -> None:
        self._attend, self._fn, self._where = attend, wrap.fn, where

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        self._attend.prepare(device, dtype)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None) -> Tensor:
        """The attention output.

        Raises:
            PluginError: the function failed, gave another shape, or called the attention inside with what does not fit.
        """
        device = query.device
        whole = part or Frames(*(torch.arange(x.shape[2], device=device) for x in (query, key)))

        def call_next(q: Tensor, k: Tensor, v: Tensor, q_frames: Tensor, k_frames: Tensor, /) -> Tensor:
            if (q.shape[2], k.shape[2], v.shape[2]) != (len(q_frames), len(k_frames), len(k_frames)):
                sizes = f"{q.shape[2]}, {k.shape[2]} and {v.shape[2]} frames, numbered by {len(q_frames)} and {len(k_frames)}"
                raise PluginError(f"{self._where} called the attention inside with queries, keys and values of {sizes}")
            # All frames in their order need no selection from any matrix.
            same = q_frames is whole.queries and k_frames is whole.keys
            return self._attend(q, k, v, part if same else Frames(q_frames, k_frames))

        if torch.compiler.is_compiling():
            return self._fn(call_next, query, key, value, *whole)
        try:
            out = self._fn(call_next, query, key, value, *whole)
        except VstarError:
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            raise PluginError(f"{self._where} failed: {type(error).__name__}: {error}") from error
        return _checked(out, (*query.shape[:-1], value.shape[-1]), self._where)


def _checked(out: object, expected: tuple[int, ...], where: str) -> Tensor:
    """What the function of a wrap gave, if it is what the attention gives."""
    if not isinstance(out, Tensor) or out.shape != expected:
        got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise PluginError(f"{where} gave {got}; it must give a tensor of shape {expected}")
    return out


def _scaled(x: Tensor, factors: Placed | None, frames: Tensor | None) -> Tensor:
    if factors is None:
        return x
    there = factors.on(x.device, torch.float32)
    return (x * (there if frames is None else there[frames])).to(x.dtype)
