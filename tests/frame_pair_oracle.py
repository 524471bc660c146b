"""Biases between pairs of frames, with every logit written down."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from vstar_sdk.attention.layout import ALL_VIDEO, Layout
from vstar_sdk.attention.operations import Statistic


def oracle(
    q: Tensor, k: Tensor, v: Tensor, biases: Mapping[Statistic, Tensor], frames: int, layout: Layout = ALL_VIDEO
) -> Tensor:
    """``softmax(A + sum_s s(A) B_s[f_i, f_j]) V`` in float64, the whole matrix of tokens by tokens.

    Args:
        q: queries, ``(batch, heads, tokens, channels)``.
        k: keys.
        v: values.
        biases: ``(frames, frames)`` for each statistic; as executors read them, in float32.
        frames: of the video.
        layout: where it stands among tokens of text.
    """
    q, k, v = (x.double() for x in (q, k, v))
    logits = q @ k.mT * q.shape[-1] ** -0.5
    video = layout.video(q.shape[2])
    frame = torch.arange(video.stop - video.start, device=q.device) // ((video.stop - video.start) // frames)
    raw = logits[:, :, video, video].clone()
    largest, mean = raw.amax(-1, keepdim=True), raw.mean(-1, keepdim=True)
    rows = {"none": torch.ones_like(largest), "max": largest, "spread": largest - mean}
    for stat, bias in biases.items():
        spread = bias.to(q.device).float().double()[frame[:, None], frame]
        logits[:, :, video, video] += torch.where(spread == -torch.inf, spread, rows[stat] * spread)
    if layout.visible is not None:
        logits.masked_fill_(~layout.visible[:, None, None], -torch.inf)
    return logits.softmax(-1) @ v


def worst(got: Tensor, wanted: Tensor, where: slice = slice(None)) -> float:
    """The largest difference, of some tokens."""
    return float((got.double() - wanted)[:, :, where].abs().max())
