"""Frame-pair biases on the logits of a joint sequence: two ways, neither of which makes a matrix of tokens by tokens.

Both take queries, keys and values of shape ``(batch, heads, tokens, head_dim)``. A bias acts between video tokens alone: the rows
of text are PyTorch's fused attention as it is, and the columns of text have a bias of 0. Statistics of a row are taken over
the video's keys, so that no text moves them.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from vstar_sdk.attention.chunks import DEVICE_CHUNK, JOINT_CHUNK
from vstar_sdk.attention.executors import Frames
from vstar_sdk.attention.joint_texts import with_texts_done
from vstar_sdk.attention.layout import ALL_VIDEO, Layout
from vstar_sdk.attention.logits import Change
from vstar_sdk.attention.operations import Statistic

HIDDEN = -(2.0**14)
"""What stands for ``-inf`` where a product with 0 must stay finite: ``exp(-2**14)`` is 0 in float32."""

WIDEST = 256
"""Channels of a head up to which fused attention has its fast kernels."""


class Changes(NamedTuple):
    """Changes of the logits between video tokens.

    Attributes:
        distance: ``i - j``, ``(frames, frames)``, float32; None where nothing is changed.
        functions: each is given ``(1, 1, queries, keys)``, and the distances of their frames, ``(queries, keys)``.
    """

    distance: Tensor | None = None
    functions: tuple[Change, ...] = ()


NO_CHANGES = Changes()
"""Nothing is changed."""


def attend_by_rows(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    biases: dict[Statistic, Tensor],
    layout: Layout = ALL_VIDEO,
    chunk: int = JOINT_CHUNK,
    part: Frames | None = None,
    changes: Changes = NO_CHANGES,
) -> Tensor:
    """Biased attention by whole rows of the logits, a few at a time, changed in place: one product ``Q K^T``, exact in float32.

    Args:
        query: ``(batch, heads, tokens, head_dim)``.
        key: likewise, of some tokens; the text is the same.
        value: see ``key``.
        biases: ``(frames, frames)``, float32, for each statistic.
        layout: of the tokens.
        chunk: logits in memory at once (never less than one row).
        part: the frame of every video token of queries and keys; None for all frames in their order.
        changes: run one after the other on every chunk, after the biases.
    """
    batch, heads, tokens, head_dim = query.shape
    keys = key.shape[2]
    video, seeing = layout.video(keys), layout.video(tokens)
    count, scale = seeing.stop - seeing.start, head_dim**-0.5
    out = with_texts_done(query, key, value, layout)
    height = min(count, max(1, chunk // keys))
    logits = torch.empty((height, keys), dtype=torch.float32, device=query.device)
    if part is None:
        frames = len(changes.distance) if changes.distance is not None else len(next(iter(biases.values())))
        frame_of = key_of = torch.arange(count, device=query.device) // (count // frames)
    else:
        frame_of, key_of = part
    text_seen = layout.text_seen(query.device).expand(batch, 1, 1)
    told = None if layout.told is None else (layout.beside(tokens, query.device), layout.told.columns)
    for index in range(batch * heads):
        where = divmod(index, heads)
        # One head at a time in float32: the copies of another precision, or of scattered rows, stay small.
        q, k, v = (x.to(torch.float32).contiguous() for x in (query[where][seeing], key[where], value[where]))
        mean = k[video].mean(dim=0) * scale if "spread" in biases else None
        padding = None if layout.visible is None else ~layout.visible[where[0]]
        for start in range(0, count, height):
            rows = slice(start, min(start + height, count))
            a = logits[: rows.stop - start]
            torch.addmm(a, q[rows], k.T, beta=0.0, alpha=scale, out=a)
            seen = a[:, video]
            if biases:
                largest = seen.amax(dim=-1, keepdim=True) if biases.keys() != {"none"} else None
                averages = None if mean is None else (q[rows] @ mean)[:, None]
                # What changes logits must see them as they are, and not moved.
                added, to_text = _added(
                    biases, frame_of[rows], largest, averages, text_seen[where[0]], move=not changes.functions
                )
                if part is None:
                    torch.unflatten(seen, -1, (added.shape[-1], -1)).add_(added[..., None])
                else:
                    seen.add_(added[:, key_of])
                for text in layout.texts:
                    a[:, text].add_(to_text)
            if told is not None:
                a.index_add_(1, told[0], told[1][frame_of[rows]])
            if changes.distance is not None:
                apart = changes.distance[frame_of[rows]][:, key_of]
                for change in changes.functions:
                    change(seen[None, None], apart)
            if padding is not None:
                a.masked_fill_(padding, -torch.inf)
            torch.softmax(a, dim=-1, out=a)  # in place: every row is read before it is written
            out[where][seeing][rows] = a @ v
    return out


def attend_without_mask(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    biases: dict[Statistic, Tensor],
    layout: Layout = ALL_VIDEO,
    chunk: int = DEVICE_CHUNK,
) -> Tensor:
    """Biased attention by PyTorch's fused attention, without a mask.

    ``q_i . k_j + b[f_i, f_j]`` is one scalar product of longer vectors: ``b[f_i, :]`` behind the query and the one-hot vector of
    the key's frame behind the key; text (each key state, where they are told apart) and padding count as more frames. In half
    precision ``b`` is the sum of parts that each fit it, so that no bit of its float32 value is lost (two parts, 16 bits, where
    three would leave the fast kernels). The largest ``b`` of a row is 0, and ``-inf`` becomes `HIDDEN`: its weight is exactly 0
    as long as a row's logits lie within 16,000 of each other. Row statistics take a pass of their own over chunks of the logits,
    accumulated in float32.

    Args:
        query: ``(batch, heads, tokens, head_dim)``; so are ``key`` and ``value``.
        key: see ``query``.
        value: see ``query``.
        biases: ``(frames, frames)``, float32, for each statistic.
        layout: of the tokens.
        chunk: logits in memory at once (never less than one row), while statistics are taken.
    """
    batch, heads, tokens, head_dim = query.shape
    frames, dtype, video = len(next(iter(biases.values()))), query.dtype, layout.video(tokens)
    kinds, text_seen = layout.kinds(frames, tokens, query.device), layout.text_seen(query.device)
    columns = frames + layout.groups + (layout.visible is not None)
    parts = 1 if dtype == torch.float32 else 3 if head_dim + 3 * columns <= WIDEST else 2
    width = -(-(head_dim + parts * columns) // 8) * 8
    # The one-hot vectors hold a power of two near sqrt(d), so that what stands behind the query is as large as the bias.
    unit = 2.0 ** round(math.log2(head_dim) / 2)
    one_hot = torch.zeros(*kinds.shape, width - head_dim, dtype=dtype, device=query.device)
    for part in range(parts):
        one_hot.scatter_(2, (part * columns + kinds)[..., None], unit)
    out = with_texts_done(query, key, value, layout)
    for head in range(heads):  # one at a time: the longer copies stay small next to the tensors themselves
        q, k, v = query[:, head, video], key[:, head], value[:, head]
        largest = row_maxima(q, k[:, video], chunk) if biases.keys() != {"none"} else None
        mean = (q.float() @ k[:, video].float().mean(dim=1)[..., None]) * head_dim**-0.5 if "spread" in biases else None
        added, to_text = _added(biases, kinds[0, video], largest, mean, text_seen)
        others = [to_text] if layout.texts else []
        if layout.told is not None:
            others.append(to_text + layout.told.bias[kinds[0, video]])
        if layout.visible is not None:
            others.append(torch.full_like(to_text, HIDDEN))
        added = torch.cat([added, *others], dim=-1).clamp_min_(HIDDEN).mul_(head_dim**0.5 / unit)
        behind = pad(torch.cat(_split(added, dtype, parts), dim=-1), (0, width - head_dim - parts * columns))
        longer = torch.cat([q, behind.expand(batch, -1, -1)], dim=-1)
        keys = torch.cat([k, one_hot.expand(batch, -1, -1)], dim=-1)
        values = pad(v, (0, width - value.shape[-1]))
        attended = scaled_dot_product_attention(longer[:, None], keys[:, None], values[:, None], scale=head_dim**-0.5)
        out[:, head, video] = attended[:, 0, :, : value.shape[-1]]
    return out


def _added(
    biases: dict[Statistic, Tensor],
    frame_of: Tensor,
    largest: Tensor | None,
    mean: Tensor | None,
    text_seen: Tensor,
    *,
    move: bool = True,
) -> tuple[Tensor, Tensor]:
    """The sum of all biases, each times its statistic: ``(..., rows, frames)``, and what text has, ``(..., rows, 1)``; float32.

    Every row, its columns of text too, is moved to a largest value of 0, which a softmax ignores: logits next to a large bias
    would lose their digits.

    Args:
        biases: ``(frames, frames)`` for each statistic.
        frame_of: ``(rows,)``, the frame of every row.
        largest: ``(..., rows, 1)``, each row's largest logit; None where no bias needs it.
        mean: ``(..., rows, 1)``, each row's mean logit; None where no bias needs it.
        text_seen: see `Layout.text_seen`.
        move: False leaves every row where it is.
    """
    rows: dict[Statistic, Tensor] = {}
    if largest is not None:
        rows["max"] = largest
        if mean is not None:
            rows["spread"] = largest - mean
    terms = [bias[frame_of] if stat == "none" else bias[frame_of] * rows[stat] for stat, bias in biases.items()]
    total = reduce(torch.add, terms)
    if not move:
        return total, total.new_zeros(*total.shape[:-1], 1)
    moved = torch.maximum(total.amax(dim=-1, keepdim=True), text_seen)
    return total - moved, -moved


def row_maxima(query: Tensor, key: Tensor, chunk: int = DEVICE_CHUNK) -> Tensor:
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
