"""Executors: attention with a set of operations, compiled once and called many times.

Every executor takes queries, keys and values of shape ``(batch, heads, frames, head_dim)`` and returns the same shape.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.attention.operations import Statistic

Executor = Callable[[Tensor, Tensor, Tensor], Tensor]

CPU_CHUNK = 2**17
"""Numbers in the largest tensor of a chunk on a CPU, so that all stay in the cache: 512 KiB in float32."""
DEVICE_CHUNK = 2**25
"""The same on any other device, where it only bounds memory: 128 MiB in float32."""


class Placed:
    """A matrix kept in float64 on the CPU, and placed once for every device and precision that asks for it."""

    def __init__(self, matrix: Tensor) -> None:
        self._matrix = matrix
        self._placed: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def on(self, device: torch.device, dtype: torch.dtype) -> Tensor:
        """The matrix on a device, in a precision."""
        key = (device, dtype)
        if key not in self._placed:
            self._placed[key] = self._matrix.to(dtype).to(device)  # in this order: some devices have no float64
        return self._placed[key]


class MaskedAttention:
    """``softmax(A + B) V`` as PyTorch's fused attention with an additive mask.

    Args:
        bias: ``B``, ``(frames, frames)``.
    """

    def __init__(self, bias: Tensor) -> None:
        # Four dimensions can be read in one way only; some backends take a mask of two for (batch, keys).
        self._mask = Placed(bias[None, None])

    def __call__(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """The attention output."""
        return scaled_dot_product_attention(query, key, value, attn_mask=self._mask.on(query.device, query.dtype))


class RowStatisticAttention:
    """``softmax(A + sum_s s(A) B_s) V``, where ``s(A)`` is a statistic of each row of the logits ``A = Q K^T / sqrt(d)``.

    The logits are made in chunks and changed in place, so that memory is bounded and, on a CPU, stays in the cache.

    Args:
        biases: ``B_s`` of shape ``(frames, frames)`` for each statistic.
        chunk: numbers in the largest tensor of a chunk; None for the device's own.
    """

    def __init__(self, biases: dict[Statistic, Tensor], chunk: int | None = None) -> None:
        self._biases: dict[Statistic, Placed] = {stat: Placed(bias) for stat, bias in biases.items()}
        self._chunk = chunk

    def __call__(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """The attention output."""
        batch, heads, frames, head_dim = query.shape
        scale = head_dim**-0.5
        biases: dict[Statistic, Tensor] = {stat: bias.on(query.device, torch.float32) for stat, bias in self._biases.items()}
        chunk = self._chunk or (CPU_CHUNK if query.device.type == "cpu" else DEVICE_CHUNK)
        size = min(batch, max(1, chunk // (heads * frames * max(frames, head_dim))))
        logits = torch.empty((size * heads, frames, frames), dtype=torch.float32, device=query.device)
        weights = torch.empty_like(logits)
        # Frames before heads, as the caller will flatten the heads: fused attention returns this layout too.
        out = query.new_empty((batch, frames, heads, value.shape[-1])).transpose(1, 2)
        for start in range(0, batch, size):
            part = slice(start, start + size)
            q, k, v = (x[part].flatten(0, 1) for x in (query, key, value))
            a, w = logits[: len(q)], weights[: len(q)]
            _write_logits(q, k, scale, a)
            _add_biases(a, biases)
            torch.softmax(a, dim=-1, out=w)
            out[part] = torch.bmm(w.to(v.dtype), v).unflatten(0, (-1, heads))
        return out


class ScaledAttention:
    """Another executor, its queries and keys scaled frame by frame.

    Args:
        attend: the other.
        q: ``(frames,)``, or None for 1.
        k: ``(frames,)``, or None for 1.
    """

    def __init__(self, attend: Executor, q: Tensor | None, k: Tensor | None) -> None:
        self._attend = attend
        self._q, self._k = (None if factors is None else Placed(factors[:, None]) for factors in (q, k))

    def __call__(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """The attention output."""
        return self._attend(_scaled(query, self._q), _scaled(key, self._k), value)


class MixedAttention:
    """``keep P V + M V``: the output of another executor, mixed with that of a fixed map.

    Args:
        attend: the other, which gives ``P V``.
        keep: its weight; at 0 it is not called.
        fixed: ``M``, ``(frames, frames)``, whose rows sum to ``1 - keep``.
    """

    def __init__(self, attend: Executor, keep: float, fixed: Tensor) -> None:
        self._attend, self._keep, self._fixed = attend, keep, Placed(fixed)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """The attention output."""
        fixed = self._fixed.on(value.device, value.dtype) @ value
        return fixed if self._keep == 0.0 else fixed.add_(self._attend(query, key, value), alpha=self._keep)


def _write_logits(query: Tensor, key: Tensor, scale: float, out: Tensor) -> None:
    """Write ``scale * Q K^T`` to ``out``, which is float32."""
    if query.dtype == out.dtype:
        torch.baddbmm(out, query, key.transpose(1, 2), beta=0.0, alpha=scale, out=out)
    else:
        out.copy_(torch.bmm(query, key.transpose(1, 2))).mul_(scale)


def _add_biases(logits: Tensor, biases: dict[Statistic, Tensor]) -> None:
    """Add every bias times its statistic in place; all statistics are taken before the first is added."""
    largest = logits.amax(dim=-1, keepdim=True)
    rows = {"max": largest}
    if "spread" in biases:
        rows["spread"] = largest - logits.mean(dim=-1, keepdim=True)
    for stat, bias in biases.items():
        if stat == "none":
            logits.add_(bias)
        else:
            logits.addcmul_(rows[stat], bias)


def _scaled(x: Tensor, factors: Placed | None) -> Tensor:
    return x if factors is None else (x * factors.on(x.device, torch.float32)).to(x.dtype)
