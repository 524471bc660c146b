"""Executors of joint sites, whose tokens are the positions of all frames: ``token = frame * positions + position``.

Every executor takes queries, keys and values of shape ``(batch, heads, tokens, head_dim)`` and returns the same shape. It may be
asked for some tokens of the video, and then is told the frame of each. What an operation says of frames ``i`` and ``j`` holds for
all their tokens, and for no token that the `Layout` says is none of the video. A matrix of tokens by tokens is never made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from vstar_sdk.attention.chunks import joint_chunk_numbers
from vstar_sdk.attention.executors import PART_OF_A_MAP, Frames, JointExecutor, plain_attention, scaled
from vstar_sdk.attention.fused import FusedAttention
from vstar_sdk.attention.joint_biases import NO_CHANGES, Changes, attend_by_rows, attend_without_mask
from vstar_sdk.attention.joint_texts import with_texts_done
from vstar_sdk.attention.layout import ALL_VIDEO, Layout
from vstar_sdk.attention.logits import Change
from vstar_sdk.attention.operations import Statistic
from vstar_sdk.attention.placing import Placed, placed
from vstar_sdk.errors import PluginError


def joint_attention(
    biases: Mapping[Statistic, Tensor | Placed],
    q: Tensor | Placed | None,
    k: Tensor | Placed | None,
    keep: float | Placed,
    fixed: Tensor | Placed,
    distance: Tensor | None = None,
    changes: Sequence[Change] = (),
    *,
    fused: bool = False,
) -> JointExecutor:
    """The executor for all operations of a joint site together: mixes inside scales, for they attend inside frames themselves.

    Args:
        biases: see `JointAttention`; none where there are none.
        q: see `ScaledJointAttention`.
        k: see `ScaledJointAttention`.
        keep: see `MixedJointAttention`; 1 where nothing is mixed.
        fixed: see `MixedJointAttention`.
        distance: see `JointAttention`.
        changes: likewise.
        fused: whether a fused kernel takes the biases, beside which there are no changes.
    """
    attend: JointExecutor = JointAttention(biases, distance, changes) if biases or changes else plain_attention
    if fused:
        attend = FusedAttention(biases, attend)
    if keep != 1.0:
        attend = MixedJointAttention(attend, keep, fixed)
    return attend if q is None and k is None else ScaledJointAttention(attend, q, k)


class JointAttention:
    """``softmax(A + sum_s s(A) B_s[f_i, f_j]) V``, where ``s(A)`` is a statistic of each row of ``A = Q K^T / sqrt(d)``.

    The statistic of a row ranges over the keys that it is asked for. On a CPU, for a part of the frames, and where logits are
    changed `attend_by_rows`, elsewhere `attend_without_mask`.

    Args:
        biases: ``B_s`` of shape ``(frames, frames)`` for each statistic; none may be left out by ``-inf`` but in ``none``.
        distance: ``i - j``, ``(frames, frames)``; needed where there are changes.
        changes: of the logits between video tokens, after the biases.
    """

    def __init__(
        self, biases: Mapping[Statistic, Tensor | Placed], distance: Tensor | None = None, changes: Sequence[Change] = ()
    ) -> None:
        self._biases: dict[Statistic, Placed] = {stat: placed(bias) for stat, bias in biases.items()}
        self._distance = placed(distance) if distance is not None and changes else None
        self._changes = tuple(changes)

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        del dtype
        for matrix in (*self._biases.values(), *filter(None, [self._distance])):
            matrix.on(device, torch.float32)

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, layout: Layout = ALL_VIDEO
    ) -> Tensor:
        """The attention output."""
        device = query.device
        biases: dict[Statistic, Tensor] = {stat: bias.on(device, torch.float32) for stat, bias in self._biases.items()}
        if device.type != "cpu" and part is None and not self._changes:
            return attend_without_mask(query, key, value, biases, layout)
        changes = Changes(self._distance.on(device, torch.float32), self._changes) if self._distance is not None else NO_CHANGES
        return attend_by_rows(query, key, value, biases, layout, joint_chunk_numbers(device.type), part, changes)


class ScaledJointAttention:
    """Another executor, its queries and keys scaled frame by frame; those of text are not.

    Args:
        attend: the other.
        q: ``(frames,)``, or None for 1.
        k: ``(frames,)``, or None for 1.
    """

    def __init__(self, attend: JointExecutor, q: Tensor | Placed | None, k: Tensor | Placed | None) -> None:
        self._attend = attend
        self._q, self._k = (None if factors is None else placed(factors) for factors in (q, k))

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        for factors in filter(None, (self._q, self._k)):
            factors.on(device, torch.float32)
        self._attend.prepare(device, dtype)

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, layout: Layout = ALL_VIDEO
    ) -> Tensor:
        """The attention output."""
        q_frames, k_frames = (None, None) if part is None else part
        return self._attend(scaled(query, self._q, q_frames, layout), scaled(key, self._k, k_frames, layout), value, part, layout)


class MixedJointAttention:
    """``keep P V + sum_j M[f_i, j] softmax(A_ij) V_j``: the output of another executor, mixed with that of a fixed map.

    ``A_ij`` are the logits of a query with the keys of frame ``j`` alone. So the map fixes how much of a query's attention goes
    to every frame, and the query itself where it goes inside the frame. With one position a frame this is ``M V``.

    Where there is text, a query's attention to it stays what it is without any bias, and the map divides the rest.

    Args:
        attend: the other, which gives ``P V``.
        keep: its weight, 0-d where it changes; at 0 it is not called.
        fixed: ``M``, ``(frames, frames)``, whose rows sum to ``1 - keep``.
    """

    def __init__(self, attend: JointExecutor, keep: float | Placed, fixed: Tensor | Placed) -> None:
        self._attend, self._keep, self._fixed = attend, keep, placed(fixed)

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        self._attend.prepare(device, dtype)

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, layout: Layout = ALL_VIDEO
    ) -> Tensor:
        """The attention output.

        Raises:
            PluginError: it was asked for a part of the frames, on which the rows of the map do not sum to 1.
        """
        if part is not None:
            raise PluginError(PART_OF_A_MAP, hint="give the two regularizers different levels or windows")
        keep = float(self._keep.matrix) if isinstance(self._keep, Placed) else self._keep
        video = layout.video(query.shape[2])
        mapped = self._mapped(query[:, :, video], key[:, :, video], value[:, :, video])
        if not layout.texts:
            if keep:
                mapped.add_(self._attend(query, key, value), alpha=keep)
            return mapped.to(query.dtype)
        to_text, left = _attention_to_text(query[:, :, video], key, value, layout)
        mapped.mul_(left).add_(to_text, alpha=1.0 - keep)
        if keep:
            out = self._attend(query, key, value, None, layout)
            mapped.add_(out[:, :, video], alpha=keep)
        else:
            out = with_texts_done(query, key, value, layout)
        out[:, :, video] = mapped.to(out.dtype)
        return out

    def _mapped(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """``sum_j M[f_i, j] softmax(A_ij) V_j`` of the video tokens, float32."""
        fixed = self._fixed.matrix
        frames = len(fixed)
        q, k, v = (torch.unflatten(x, -2, (frames, -1)) for x in (query, key, value))
        out = torch.zeros((*q.shape[:-1], v.shape[-1]), dtype=torch.float32, device=q.device)
        for i in range(frames):
            others: Any = fixed[i].nonzero().flatten()
            for j in others.tolist():
                inside = scaled_dot_product_attention(q[..., i, :, :], k[..., j, :, :], v[..., j, :, :])
                out[..., i, :, :].add_(inside, alpha=float(fixed[i, j]))
        return out.flatten(-3, -2)


def _attention_to_text(query: Tensor, key: Tensor, value: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    """What queries get from the text, and how much of their attention is left for the video.

    Both come from one attention: over the values of text alone, and a further channel that is 1 at the video's tokens.

    Returns:
        ``(batch, heads, queries, channels)`` and ``(batch, heads, queries, 1)``, float32.
    """
    video, channels, scale = layout.video(key.shape[2]), value.shape[-1], query.shape[-1] ** -0.5
    values = pad(value, (0, 8))
    values[:, :, video, :channels] = 0.0
    values[:, :, video, channels] = 1.0
    # Fused attention wants queries and keys as wide as the values.
    query, key = (pad(x, (0, values.shape[-1] - x.shape[-1])) for x in (query, key))
    if layout.told is None:
        seen = scaled_dot_product_attention(query, key, values, attn_mask=layout.mask, scale=scale).float()
    else:
        parts = query.chunk(len(layout.told.bias), dim=2)
        masks = (layout.row(layout.told, frame, key.shape[2]).to(query.dtype) for frame in range(len(parts)))
        told = [
            scaled_dot_product_attention(part, key, values, attn_mask=mask, scale=scale)
            for part, mask in zip(parts, masks, strict=True)
        ]
        seen = torch.cat(told, dim=2).float()
    return seen[..., :channels], seen[..., channels : channels + 1]
