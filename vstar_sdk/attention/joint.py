"""Executors of joint sites, whose tokens are the positions of all frames: ``token = frame * positions + position``.

Every executor takes queries, keys and values of shape ``(batch, heads, frames * positions, head_dim)`` and returns the same
shape; it is never asked for a part of the frames. What an operation says of frames ``i`` and ``j`` holds for all their tokens. A
matrix of tokens by tokens is never made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from vstar_sdk.attention.executors import Executor, Frames, Placed, placed, plain_attention
from vstar_sdk.attention.operations import Statistic

ROWS_CHUNK = 2**19
"""Logits of a chunk on a CPU: 2 MiB in float32. More leaves the cache, less makes the matrix products too thin."""

DEVICE_CHUNK = 2**25
"""The same on any other device, where it only bounds memory: 128 MiB in float32."""


def joint_chunk_numbers(device: str) -> int:
    """Logits of a chunk.

    Args:
        device: type of the device, such as ``cpu``.
    """
    return ROWS_CHUNK if device == "cpu" else DEVICE_CHUNK


HIDDEN = -(2.0**14)
"""What stands for ``-inf`` where a product with 0 must stay finite: ``exp(-2**14)`` is 0 in float32."""

WIDEST = 256
"""Channels of a head up to which fused attention has its fast kernels."""


def joint_attention(
    biases: Mapping[Statistic, Tensor | Placed],
    q: Tensor | Placed | None,
    k: Tensor | Placed | None,
    keep: float | Placed,
    fixed: Tensor | Placed,
) -> Executor:
    """The executor for all operations of a joint site together: mixes inside scales, for they attend inside frames themselves.

    Args:
        biases: see `JointAttention`; none where there are none.
        q: see `ScaledJointAttention`.
        k: see `ScaledJointAttention`.
        keep: see `MixedJointAttention`; 1 where nothing is mixed.
        fixed: see `MixedJointAttention`.
    """
    attend: Executor = JointAttention(biases) if biases else plain_attention
    if keep != 1.0:
        attend = MixedJointAttention(attend, keep, fixed)
    return attend if q is None and k is None else ScaledJointAttention(attend, q, k)


class JointAttention:
    """``softmax(A + sum_s s(A) B_s[f_i, f_j]) V``, where ``s(A)`` is a statistic of each row of ``A = Q K^T / sqrt(d)``.

    Rows range over all keys of all frames. On a CPU `attend_by_rows`, elsewhere `attend_without_mask`.

    Args:
        biases: ``B_s`` of shape ``(frames, frames)`` for each statistic; none may be left out by ``-inf`` but in ``none``.
    """

    def __init__(self, biases: Mapping[Statistic, Tensor | Placed]) -> None:
        self._biases: dict[Statistic, Placed] = {stat: placed(bias) for stat, bias in biases.items()}

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        del dtype
        for bias in self._biases.values():
            bias.on(device, torch.float32)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None) -> Tensor:
        """The attention output."""
        del part
        biases: dict[Statistic, Tensor] = {stat: bias.on(query.device, torch.float32) for stat, bias in self._biases.items()}
        attend = attend_by_rows if query.device.type == "cpu" else attend_without_mask
        return attend(query, key, value, biases)


class ScaledJointAttention:
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
        del part
        return self._attend(_scaled(query, self._q), _scaled(key, self._k), value)


class MixedJointAttention:
    """``keep P V + sum_j M[f_i, j] softmax(A_ij) V_j``: the output of another executor, mixed with that of a fixed map.

    ``A_ij`` are the logits of a query with the keys of frame ``j`` alone. So the map fixes how much of a query's attention goes
    to every frame, and the query itself where it goes inside the frame. With one position a frame this is ``M V``.

    Args:
        attend: the other, which gives ``P V``.
        keep: its weight, 0-d where it changes; at 0 it is not called.
        fixed: ``M``, ``(frames, frames)``, whose rows sum to ``1 - keep``.
    """

    def __init__(self, attend: Executor, keep: float | Placed, fixed: Tensor | Placed) -> None:
        self._attend, self._keep, self._fixed = attend, keep, placed(fixed)

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        self._attend.prepare(device, dtype)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None) -> Tensor:
        """The attention output."""
        del part
        keep = float(self._keep.matrix) if isinstance(self._keep, Placed) else self._keep
        fixed = self._fixed.matrix
        frames = len(fixed)
        q, k, v = (torch.unflatten(x, -2, (frames, -1)) for x in (query, key, value))
        out = torch.zeros((*q.shape[:-1], v.shape[-1]), dtype=torch.float32, device=q.device)
        for i in range(frames):
            others: Any = fixed[i].nonzero().flatten()
            for j in others.tolist():
                inside = scaled_dot_product_attention(q[..., i, :, :], k[..., j, :, :], v[..., j, :, :])
                out[..., i, :, :].add_(inside, alpha=float(fixed[i, j]))
        out = out.flatten(-3, -2)
        if keep:
            out.add_(self._attend(query, key, value), alpha=keep)
        return out.to(query.dtype)


def attend_by_rows(query: Tensor, key: Tensor, value: Tensor, biases: dict[Statistic, Tensor], chunk: int = ROWS_CHUNK) -> Tensor:
    """Biased attention by whole rows of the logits, a few at a time, changed in place: one product ``Q K^T``, exact in float32.

    Args:
        query: ``(batch, heads, tokens, head_dim)``; so are ``key`` and ``value``.
        key: see ``query``.
        value: see ``query``.
        biases: ``(frames, frames)``, float32, for each statistic.
        chunk: logits in memory at once (never less than one row).
    """
    batch, heads, tokens, head_dim = query.shape
    frames = len(next(iter(biases.values())))
    positions, scale = tokens // frames, head_dim**-0.5
    # Tokens before heads, as the caller will flatten the heads: fused attention returns this layout too.
    out = query.new_empty((batch, tokens, heads, value.shape[-1])).transpose(1, 2)
    height = min(tokens, max(1, chunk // tokens))
    logits = torch.empty((height, tokens), dtype=torch.float32, device=query.device)
    frame_of = torch.arange(tokens, device=query.device) // positions
    for index in range(batch * heads):
        where = divmod(index, heads)
        # One head at a time in float32: the copies of another precision, or of scattered rows, stay small.
        q, k, v = (x[where].to(torch.float32).contiguous() for x in (query, key, value))
        mean = k.mean(dim=0) * scale if "spread" in biases else None
        for start in range(0, tokens, height):
            rows = slice(start, min(start + height, tokens))
            a = logits[: rows.stop - start]
            torch.addmm(a, q[rows], k.T, beta=0.0, alpha=scale, out=a)
            largest = a.amax(dim=-1, keepdim=True) if biases.keys() != {"none"} else None
            added = _added(biases, frame_of[rows], largest, None if mean is None else (q[rows] @ mean)[:, None])
            torch.unflatten(a, -1, (frames, positions)).add_(added[..., None])
            torch.softmax(a, dim=-1, out=a)  # in place: every row is read before it is written
            out[where][rows] = a @ v
    return out


def attend_without_mask(
    query: Tensor, key: Tensor, value: Tensor, biases: dict[Statistic, Tensor], chunk: int = DEVICE_CHUNK
) -> Tensor:
    """Biased attention by PyTorch's fused attention, without a mask.

    ``q_i . k_j + b[f_i, f_j]`` is one scalar product of longer vectors: ``b[f_i, :]`` behind the query and the one-hot vector of
    the key's frame behind the key. In half precision ``b`` is the sum of parts that each fit it, so that no bit of its float32
    value is lost (two parts, 16 bits, where three would leave the fast kernels). The largest ``b`` of a row is 0, and ``-inf``
    becomes `HIDDEN`: its weight is exactly 0 as long as a row's logits lie within 16,000 of each other. Row statistics take a
    pass of their own over chunks of the logits, accumulated in float32.

    Args:
        query: ``(batch, heads, tokens, head_dim)``; so are ``key`` and ``value``.
        key: see ``query``.
        value: see ``query``.
        biases: ``(frames, frames)``, float32, for each statistic.
        chunk: logits in memory at once (never less than one row), while statistics are taken.
    """
    batch, heads, tokens, head_dim = query.shape
    frames, dtype = len(next(iter(biases.values()))), query.dtype
    frame_of = torch.arange(tokens, device=query.device) // (tokens // frames)
    parts = 1 if dtype == torch.float32 else 3 if head_dim + 3 * frames <= WIDEST else 2
    width = -(-(head_dim + parts * frames) // 8) * 8
    # The one-hot vectors hold a power of two near sqrt(d), so that what stands behind the query is as large as the bias.
    unit = 2.0 ** round(math.log2(head_dim) / 2)
    one_hot = torch.zeros(tokens, width - head_dim, dtype=dtype, device=query.device)
    for part in range(parts):
        one_hot.scatter_(1, (part * frames + frame_of)[:, None], unit)
    out = query.new_empty((batch, tokens, heads, value.shape[-1])).transpose(1, 2)
    for head in range(heads):  # one at a time: the longer copies stay small beside the tensors themselves
        q, k, v = (x[:, head] for x in (query, key, value))
        largest = _row_maxima(q, k, chunk) if biases.keys() != {"none"} else None
        mean = (q.float() @ k.float().mean(dim=1)[..., None]) * head_dim**-0.5 if "spread" in biases else None
        added = _added(biases, frame_of, largest, mean)
        added = added.clamp_min_(HIDDEN).mul_(head_dim**0.5 / unit)
        behind = pad(torch.cat(_split(added, dtype, parts), dim=-1), (0, width - head_dim - parts * frames))
        longer = torch.cat([q, behind.expand(batch, -1, -1)], dim=-1)
        keys = torch.cat([k, one_hot.expand(batch, -1, -1)], dim=-1)
        values = pad(v, (0, width - value.shape[-1]))
        attended = scaled_dot_product_attention(longer[:, None], keys[:, None], values[:, None], scale=head_dim**-0.5)
        out[:, head] = attended[:, 0, :, : value.shape[-1]]
    return out


def _added(biases: dict[Statistic, Tensor], frame_of: Tensor, largest: Tensor | None, mean: Tensor | None) -> Tensor:
    """The sum of all biases, each times its statistic: ``(..., rows, frames)``, float32.

    Every row is moved to a largest value of 0, which a softmax does not see: logits beside a large bias would lose their digits.

    Args:
        biases: ``(frames, frames)`` for each statistic.
        frame_of: ``(rows,)``, the frame of every row.
        largest: ``(..., rows, 1)``, each row's largest logit; None where no bias needs it.
        mean: ``(..., rows, 1)``, each row's mean logit; None where no bias needs it.
    """
    rows: dict[Statistic, Tensor] = {}
    if largest is not None:
        rows["max"] = largest
        if mean is not None:
            rows["spread"] = largest - mean
    terms = [bias[frame_of] if stat == "none" else bias[frame_of] * rows[stat] for stat, bias in biases.items()]
    total = reduce(torch.add, terms)
    return total - total.amax(dim=-1, keepdim=True)


def _row_maxima(query: Tensor, key: Tensor, chunk: int) -> Tensor:
    """``max_j A_ij`` for every query: ``(batch, tokens, 1)``, float32, from chunks of the logits."""
    batch, tokens, head_dim = query.shape
    height = min(tokens, max(1, chunk // (batch * tokens)))
    keys = key.transpose(-1, -2)
    if query.dtype != torch.float32 and query.device.type != "cuda":
        keys = keys.float()
    maxima = torch.empty((batch, tokens, 1), dtype=torch.float32, device=query.device)
    for start in range(0, tokens, height):
        rows = query[:, start : start + height]
        # Logits rounded to half precision would carry the bias with them: at 100 they are apart by a half.
        in_float = keys.dtype == torch.float32
        logits = torch.bmm(rows.float(), keys) if in_float else torch.bmm(rows, keys, out_dtype=torch.float32)
        maxima[:, start : start + height] = logits.amax(dim=-1, keepdim=True)
    return maxima.mul_(head_dim**-0.5)


def _split(x: Tensor, dtype: torch.dtype, parts: int) -> list[Tensor]:
    """Tensors of a precision that add up to a float32 tensor, as far as so many parts can."""
    found: list[Tensor] = []
    for _ in range(parts):
        found.append(x.to(dtype))
        x = x - found[-1].float()
    return found


def _scaled(x: Tensor, factors: Placed | None) -> Tensor:
    if factors is None:
        return x
    there = factors.on(x.device, torch.float32)
    return (torch.unflatten(x, -2, (len(there), -1)) * there[:, None, None]).flatten(-3, -2).to(x.dtype)
