"""The text of a joint sequence: the rows of its tokens, and its key states beside no other bias."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.attention.layout import Layout, Told


def with_texts_done(query: Tensor, key: Tensor, value: Tensor, layout: Layout) -> Tensor:
    """The output of an attention, in which the rows of text are written and those of the video are not yet.

    Args:
        query: ``(batch, heads, tokens, head_dim)``; so is ``key``.
        key: see ``query``.
        value: ``(batch, heads, tokens, channels)``.
        layout: of the tokens.
    """
    batch, heads, tokens, _ = query.shape
    # Tokens before heads, as the caller will flatten the heads: fused attention returns this layout too.
    out = query.new_empty((batch, tokens, heads, value.shape[-1])).transpose(1, 2)
    if layout.told is not None:
        return _with_states_done(out, query, key, value, layout, layout.told)
    for text in layout.texts:
        out[:, :, text] = scaled_dot_product_attention(query[:, :, text], key, value, attn_mask=layout.mask)
    return out


def _with_states_done(out: Tensor, query: Tensor, key: Tensor, value: Tensor, layout: Layout, told: Told) -> Tensor:
    """The same where key states are told apart: the text of each reads the frames with its bias, and no other state's text.

    What all states share reads all of them, or where it is at a frame, as the frame does.
    """
    tokens, beside = query.shape[2], layout.beside(query.shape[2], query.device)

    def attend(chosen: Tensor, mask: Tensor | None) -> None:
        rows = beside[chosen]
        if len(rows):
            out[:, :, rows] = scaled_dot_product_attention(query[:, :, rows], key, value, attn_mask=mask)

    at = torch.full_like(told.states, -1) if told.at is None else told.at
    attend((told.states < 0) & (at < 0), layout.mask)
    for state in range(told.bias.shape[1]):
        attend(told.states == state, layout.text_row(told, state, tokens).to(query.dtype))
    for frame in range(len(told.bias) if told.at is not None else 0):
        attend((told.states < 0) & (at == frame), layout.row(told, frame, tokens).to(query.dtype))
    return out


def attend_by_frames(query: Tensor, key: Tensor, value: Tensor, layout: Layout, told: Told) -> Tensor:
    """Attention with no bias but that of key states: PyTorch's fused attention, frame by frame, with a mask of one row.

    Args:
        query: ``(batch, heads, tokens, head_dim)``; so is ``key``.
        key: see ``query``.
        value: ``(batch, heads, tokens, channels)``.
        layout: of the tokens.
        told: its key states.
    """
    tokens = query.shape[2]
    out = with_texts_done(query, key, value, layout)
    for frame, rows in enumerate(frame_rows(layout, told, tokens)):
        mask = layout.row(told, frame, tokens).to(query.dtype)
        out[:, :, rows] = scaled_dot_product_attention(query[:, :, rows], key, value, attn_mask=mask)
    return out


def frame_rows(layout: Layout, told: Told, tokens: int) -> list[slice]:
    """Where the video tokens of each frame stand in a sequence of so many tokens."""
    video, frames = layout.video(tokens), len(told.bias)
    positions = (video.stop - video.start) // frames
    return [slice(video.start + frame * positions, video.start + (frame + 1) * positions) for frame in range(frames)]
