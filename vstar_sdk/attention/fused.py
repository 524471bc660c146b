"""Frame-pair biases inside PyTorch's fused kernel: FlexAttention with a score function (Dong et al., arXiv 2412.05496).

::

    out_i = softmax_j(A_ij + none[f_i, c_j] + max_i by_max[f_i, c_j] + spread_i by_spread[f_i, c_j] - moved_i) V

``f_i`` is the frame of a query, ``c_j`` the column of a key: its frame, or what stands behind the frames (text, padding; see
`Layout.kinds`). ``moved_i`` is the largest bias of the row, which a softmax ignores: next to it no logit loses its digits. No
logits are written to memory: the largest logit of a row is what a first run of the kernel hands back, without its values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, reduce
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import AuxRequest, flex_attention
from torch.nn.functional import pad

from vstar_sdk.attention.executors import Executor, Frames, JointExecutor
from vstar_sdk.attention.joint_biases import row_maxima
from vstar_sdk.attention.joint_texts import with_texts_done
from vstar_sdk.attention.layout import ALL_VIDEO, Layout
from vstar_sdk.attention.operations import Statistic
from vstar_sdk.attention.placing import Placed, placed
from vstar_sdk.errors import SamplerError, out_of_memory

MOST_GRAPHS = 64
"""Compiled kernels of a process: a session may see several models, lengths and sizes."""
NARROW = 16
"""Channels of a head below which there is no kernel; as many values are enough for a run that only wants the largest logit."""

_flex: Callable[..., Any] = cast(Any, flex_attention)
_options: dict[str, Any] = {"recompile_limit": MOST_GRAPHS, "isolate_recompiles": True}


class Rows(NamedTuple):
    """What the score function reads, all of it tensors: so a graph is compiled for shapes, and never again for numbers.

    Attributes:
        frame_of: ``(queries,)``, int32: the frame of each.
        column_of: ``(batch, keys)``, int32: the column of each.
        none: ``(frames, columns)``, float32; None where nothing is added as it is.
        by_max: likewise, times the row's largest logit.
        by_spread: likewise, times the largest minus the mean.
        largest: ``(batch, heads, queries)``, float32; None where no bias needs it.
        spread: likewise.
        moved: likewise, the largest bias of each row.
    """

    frame_of: Tensor
    column_of: Tensor
    none: Tensor | None
    by_max: Tensor | None
    by_spread: Tensor | None
    largest: Tensor | None
    spread: Tensor | None
    moved: Tensor


def _largest_bias(biases: dict[Statistic, Tensor], frame_of: Tensor, rows: dict[Statistic, Tensor], text_seen: Tensor) -> Tensor:
    """The largest bias of each row, ``(batch, heads, queries)``, or 0 where the row sees text and that is more.

    Args:
        biases: ``(frames, frames)`` for each statistic.
        frame_of: ``(queries,)``.
        rows: each statistic, ``(batch, heads, queries)``.
        text_seen: see `Layout.text_seen`.
    """
    terms = [bias[frame_of] if stat == "none" else bias[frame_of] * rows[stat][..., None] for stat, bias in biases.items()]
    return torch.maximum(reduce(torch.add, terms).amax(dim=-1), text_seen)


def _attend(query: Tensor, key: Tensor, value: Tensor, rows: Rows) -> Tensor:
    """The formula of this module; ``(batch, heads, queries, channels)``."""

    def score(logit: Tensor, batch: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        frame, column = rows.frame_of[i], rows.column_of[batch, j]
        added = -rows.moved[batch, head, i]
        if rows.by_max is not None and rows.largest is not None:
            added = added + rows.largest[batch, head, i] * rows.by_max[frame, column]
        if rows.by_spread is not None and rows.spread is not None:
            added = added + rows.spread[batch, head, i] * rows.by_spread[frame, column]
        if rows.none is not None:
            added = added + rows.none[frame, column]
        return logit + added

    return _flex(query, key, value, score_mod=score)


def _largest(query: Tensor, key: Tensor, narrow: Tensor) -> Tensor:
    """``max_j A_ij``, ``(batch, heads, queries)``, float32, by the kernel alone; ``narrow`` stands where values would."""
    return _flex(query, key, narrow, return_aux=AuxRequest(max_scores=True))[1].max_scores


@cache
def _kernel(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function compiled, once for every set of shapes."""
    return cast(Any, torch).compile(function, fullgraph=True, dynamic=False, **_options)


class FusedAttention:
    """``softmax(A + sum_s s(A) B_s[f_i, f_j]) V`` at factorised and joint sites.

    It equals `LogitsAttention` and `JointAttention`, to which it leaves what is asked for a part of the frames.

    Args:
        biases: ``B_s`` of shape ``(frames, frames)`` for each statistic; none may be left out by ``-inf`` but in ``none``.
        parts: what attends to a part of the frames.
        compiled: False runs the score function uncompiled, on whole matrices: for tests of small shapes.
    """

    def __init__(
        self, biases: Mapping[Statistic, Tensor | Placed], parts: Executor | JointExecutor, *, compiled: bool = True
    ) -> None:
        self._biases: dict[Statistic, Placed] = {stat: placed(bias) for stat, bias in biases.items()}
        self._parts, self._compiled = parts, compiled

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        self._parts.prepare(device, dtype)
        for bias in self._biases.values():
            bias.on(device, torch.float32)

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, layout: Layout = ALL_VIDEO
    ) -> Tensor:
        """The attention output.

        Raises:
            SamplerError: the kernel cannot be compiled here.
        """
        if part is not None:
            return cast(Any, self._parts)(query, key, value, part, *(() if layout is ALL_VIDEO else (layout,)))
        tokens, video = query.shape[2], layout.video(query.shape[2])
        try:
            attended = self._run(_attend)(query[:, :, video], key, value, self._rows(query, key, layout))
        except Exception as error:
            if out_of_memory(error) or not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise SamplerError(
                f"the fused kernel of attention cannot be compiled: {reason}",
                hint="leave fused out: the same attention is then computed in chunks",
            ) from error
        if video == slice(0, tokens):
            return attended
        out = with_texts_done(query, key, value, layout)
        out[:, :, video] = attended
        return out

    def _run(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """A function compiled; as it is in the graph of a model that is compiled whole."""
        return _kernel(function) if self._compiled and not torch.compiler.is_compiling() else function

    def _rows(self, query: Tensor, key: Tensor, layout: Layout) -> Rows:
        device, video = query.device, layout.video(query.shape[2])
        biases: dict[Statistic, Tensor] = {stat: bias.on(device, torch.float32) for stat, bias in self._biases.items()}
        kinds = layout.kinds(len(next(iter(biases.values()))), query.shape[2], device)
        q, k, frame_of = query[:, :, video], key[:, :, video], kinds[0, video].int()
        rows: dict[Statistic, Tensor] = {}
        if biases.keys() & {"max", "spread"}:
            rows["max"] = self._maxima(q, k)
        if "spread" in biases:
            mean = (q.float() @ k.float().mean(dim=2)[..., None])[..., 0] * query.shape[-1] ** -0.5
            rows["spread"] = rows["max"] - mean
        moved = self._run(_largest_bias)(biases, frame_of, rows, layout.text_seen(device))
        wide = _with_columns(biases, layout)
        return Rows(
            frame_of=frame_of,
            column_of=kinds.expand(len(query), -1).int().contiguous(),
            none=wide.get("none"),
            by_max=wide.get("max"),
            by_spread=wide.get("spread"),
            largest=rows.get("max") if "max" in biases else None,
            spread=rows.get("spread"),
            moved=moved.expand(q.shape[:3]).contiguous(),
        )

    def _maxima(self, query: Tensor, key: Tensor) -> Tensor:
        if query.device.type == "cuda":
            return self._run(_largest)(query, key, key[..., :NARROW].contiguous())
        # Elsewhere the kernel does not hand it back.
        heads = [row_maxima(query[:, head], key[:, head]) for head in range(query.shape[1])]
        return torch.stack(heads, dim=1)[..., 0]


def _with_columns(biases: dict[Statistic, Tensor], layout: Layout) -> dict[Statistic, Tensor]:
    """The biases with columns for text, key states and padding behind those of the frames."""
    frames = len(next(iter(biases.values())))
    columns = frames + layout.groups + (layout.visible is not None)
    wide: dict[Statistic, Tensor] = {stat: pad(bias, (0, columns - frames)) for stat, bias in biases.items()}
    if layout.told is None and layout.visible is None:
        return wide
    none = wide.setdefault("none", next(iter(wide.values())).new_zeros(frames, columns))
    if layout.told is not None:
        none[:, frames + 1 : frames + layout.groups] = layout.told.bias
    if layout.visible is not None:
        none[:, -1] = -torch.inf
    return wide
