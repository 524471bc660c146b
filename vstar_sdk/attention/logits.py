"""Attention whose logits are changed: made in chunks and changed in place, so that memory is bounded.

For every row ``i`` of the logits ``A = Q K^T / sqrt(d)``::

    out_i = softmax(fn(A_i + sum_s s(A_i) B_s,i)) V        s: a statistic of the row; fn: the changes of `Logits`

On a CPU a chunk stays in the cache; softmax runs in float32 whatever the precision of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from vstar_sdk.attention.chunks import DEVICE_CHUNK, chunk_numbers
from vstar_sdk.attention.executors import Frames
from vstar_sdk.attention.operations import Statistic
from vstar_sdk.attention.placing import Placed, placed

Change = Callable[[Tensor, Tensor], None]
"""Changes logits ``(n, heads, frames, frames)`` in place, given the distances ``(frames, frames)``; float32."""


class LogitsAttention:
    """``softmax(fn(A + sum_s s(A) B_s)) V``.

    Args:
        biases: ``B_s`` of shape ``(frames, frames)`` for each statistic.
        distance: ``i - j``, ``(frames, frames)``; needed where there are changes.
        changes: run one after the other on every chunk.
        chunk: numbers in the largest tensor of a chunk; None for the device's own.
    """

    def __init__(
        self,
        biases: Mapping[Statistic, Tensor | Placed],
        distance: Tensor | None = None,
        changes: Sequence[Change] = (),
        chunk: int | None = None,
    ) -> None:
        self._biases: dict[Statistic, Placed] = {stat: placed(bias) for stat, bias in biases.items()}
        self._distance = None if distance is None else placed(distance)
        self._changes = tuple(changes)
        self._chunk = chunk

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        del dtype
        for matrix in (*self._biases.values(), *filter(None, [self._distance])):
            matrix.on(device, torch.float32)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None) -> Tensor:
        """The attention output."""
        device = query.device
        biases: dict[Statistic, Tensor] = {stat: bias.on(device, torch.float32) for stat, bias in self._biases.items()}
        distance = None if self._distance is None else self._distance.on(device, torch.float32)
        if part is not None:
            biases = {stat: part.of(bias) for stat, bias in biases.items()}
            distance = None if distance is None else part.of(distance)
        if torch.compiler.is_compiling() and not self._changes:
            # Opaque to the compiler, which would unroll the loop over chunks at every site.
            return _row_statistics(query, key, value, ",".join(biases), list(biases.values()), self._chunk or 0)
        changes = [_with_distance(change, distance) for change in self._changes] if distance is not None else []
        return _attend(query, key, value, biases, changes, self._chunk or 0)


def _with_distance(change: Change, distance: Tensor) -> Callable[[Tensor], None]:
    return lambda logits: change(logits, distance)


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    biases: dict[Statistic, Tensor],
    changes: Sequence[Callable[[Tensor], None]],
    chunk: int,
) -> Tensor:
    batch, heads, frames, head_dim = query.shape
    keys = key.shape[2]
    scale = head_dim**-0.5
    # A compiler unrolls the loop: few chunks for it.
    chunk = chunk or (
        DEVICE_CHUNK if torch.compiler.is_compiling() else chunk_numbers(query.device.type, torch.get_num_threads())
    )
    size = min(batch, max(1, chunk // (heads * frames * max(keys, head_dim))))
    logits = torch.empty((size * heads, frames, keys), dtype=torch.float32, device=query.device)
    weights = torch.empty_like(logits)
    # Frames before heads, as the caller will flatten the heads: fused attention returns this layout too.
    out = query.new_empty((batch, frames, heads, value.shape[-1])).transpose(1, 2)
    for start in range(0, batch, size):
        rows = slice(start, start + size)
        q, k, v = (x[rows].flatten(0, 1) for x in (query, key, value))
        a, w = logits[: len(q)], weights[: len(q)]
        _write_logits(q, k, scale, a)
        _add_biases(a, biases)
        for change in changes:
            change(torch.unflatten(a, 0, (-1, heads)))
        torch.softmax(a, dim=-1, out=w)
        out[rows] = torch.bmm(w.to(v.dtype), v).unflatten(0, (-1, heads))
    return out


@torch.library.custom_op("vstar_sdk::row_statistics", mutates_args=())
def _row_statistics(query: Tensor, key: Tensor, value: Tensor, stats: str, biases: Sequence[Tensor], chunk: int) -> Tensor:
    """`_attend` as one operation of a compiled graph."""
    return _attend(query, key, value, dict(zip(stats.split(","), biases, strict=True)), (), chunk)  # type: ignore[arg-type]


@cast(Any, _row_statistics).register_fake
def _(query: Tensor, key: Tensor, value: Tensor, stats: str, biases: Sequence[Tensor], chunk: int) -> Tensor:
    batch, heads, frames, _ = query.shape
    return query.new_empty((batch, frames, heads, value.shape[-1])).transpose(1, 2)


def _write_logits(query: Tensor, key: Tensor, scale: float, out: Tensor) -> None:
    """Write ``scale * Q K^T`` to ``out``, which is float32.

    Products of half precision are not rounded to it: as in fused attention, large logits keep their digits and do not overflow.
    """
    if query.dtype != out.dtype and query.device.type == "cuda":
        out.copy_(torch.bmm(query, key.transpose(1, 2), out_dtype=out.dtype)).mul_(scale)
    else:
        torch.baddbmm(out, query.to(out.dtype), key.to(out.dtype).transpose(1, 2), beta=0.0, alpha=scale, out=out)


def _add_biases(logits: Tensor, biases: dict[Statistic, Tensor]) -> None:
    """Add every bias times its statistic in place; all statistics are taken before the first is added."""
    rows: dict[str, Tensor] = {}
    if biases.keys() & {"max", "spread"}:
        rows["max"] = logits.amax(dim=-1, keepdim=True)
    if "spread" in biases:
        rows["spread"] = rows["max"] - logits.mean(dim=-1, keepdim=True)
    for stat, bias in biases.items():
        if stat == "none":
            logits.add_(bias)
        else:
            logits.addcmul_(rows[stat], bias)
