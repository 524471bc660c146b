"""Attention and the transformer block of the embedded model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention


class PlainAttention:
    """Softmax attention: the processor of every `Attention` until another one is set."""

    def __call__(self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            attn: whose projections are used.
            hidden_states: ``(batch, tokens, channels)``.
            encoder_hidden_states: ``(batch, tokens, channels)`` to attend to; None for self-attention.

        Returns:
            ``(batch, tokens, channels)``.
        """
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            project(given).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for project, given in ((attn.to_q, hidden_states), (attn.to_k, context), (attn.to_v, context))
        )
        attended = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return attn.to_out[0](attended)


class Attention(nn.Module):
    """Attention with several heads.

    Beside its layers it has the attributes by which nursing recognises and replaces the attention classes of diffusers.

    Args:
        channels: of the input and output.
        heads: that they are split into.
        context: channels of what is attended to; None for self-attention.
    """

    group_norm = norm_q = norm_k = spatial_norm = None
    residual_connection = False
    rescale_output_factor = 1.0

    def __init__(self, channels: int, heads: int, context: int | None = None) -> None:
        super().__init__()
        self.heads, self.is_cross_attention = heads, context is not None
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context or channels, channels, bias=False)
        self.to_v = nn.Linear(context or channels, channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels), nn.Identity()])
        self.processor: Any = PlainAttention()

    def set_processor(self, processor: Any) -> None:
        """Set what computes the attention from now on."""
        self.processor = processor

    def forward(self, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None) -> Tensor:
        """See `PlainAttention`."""
        return self.processor(self, hidden_states, encoder_hidden_states)


class GatedLinear(nn.Module):
    """``a * gelu(b)``, where ``a`` and ``b`` are the halves of a projection (Shazeer, arXiv 2002.05202)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, 2 * width)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Project ``(..., channels)`` to ``(..., width)``."""
        hidden_states, gate = self.proj(hidden_states).chunk(2, dim=-1)
        return hidden_states * gelu(gate)


class FeedForward(nn.Module):
    """A gated layer four times as wide, and back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.net = nn.ModuleList([GatedLinear(channels, 4 * channels), nn.Identity(), nn.Linear(4 * channels, channels)])

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Map ``(..., channels)`` to the same shape."""
        for layer in self.net:
            hidden_states = layer(hidden_states)
        return hidden_states


class TransformerBlock(nn.Module):
    """Two attentions and a feed-forward layer, each with a residual connection.

    Args:
        channels: of the tokens.
        heads: of both attentions.
        context: channels of what the second attention attends to; None: it is a self-attention, too.
    """

    def __init__(self, channels: int, heads: int, context: int | None = None) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))
        self.attn1 = Attention(channels, heads)
        self.attn2 = Attention(channels, heads, context)
        self.ff = FeedForward(channels)

    def forward(self, hidden_states: Tensor, context: Tensor | None = None) -> Tensor:
        """Map ``(batch, tokens, channels)`` to the same shape."""
        hidden_states = self.attn1(self.norm1(hidden_states)) + hidden_states
        hidden_states = self.attn2(self.norm2(hidden_states), context) + hidden_states
        return self.ff(self.norm3(hidden_states)) + hidden_states


class SpatialTransformer(nn.Module):
    """A transformer over the positions of each frame, conditioned on the frame's text."""

    def __init__(self, channels: int, heads: int, groups: int, context: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in, self.proj_out = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(channels, heads, context)])

    def forward(self, hidden_states: Tensor, text: Tensor) -> Tensor:
        """Map ``(frames, channels, height, width)`` to the same shape, given the text ``(frames, tokens, context)``."""
        height, width = hidden_states.shape[2:]
        tokens = self.proj_in(self.norm(hidden_states).flatten(2).transpose(1, 2).contiguous())
        for block in self.transformer_blocks:
            tokens = block(tokens, text)
        tokens = self.proj_out(tokens)
        return tokens.unflatten(1, (height, width)).permute(0, 3, 1, 2).contiguous() + hidden_states


class TemporalTransformer(nn.Module):
    """A transformer over the frames of each position.

    Attributes:
        idle: it is left out, because its last layer is all zero: it would add nothing to its input.
    """

    LAST = "proj_out"
    """The layer whose output is added to the input."""

    def __init__(self, channels: int, heads: int, head_dim: int, groups: int) -> None:
        super().__init__()
        width = heads * head_dim
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in, self.proj_out = nn.Linear(channels, width), nn.Linear(width, channels)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width, heads)])
        self.idle = False

    def forward(self, hidden_states: Tensor, frames: int) -> Tensor:
        """Map ``(videos * frames, channels, height, width)`` to the same shape."""
        if self.idle:
            return hidden_states
        channels, height, width = hidden_states.shape[1:]
        videos = hidden_states.reshape(-1, frames, channels, height, width).transpose(1, 2)
        tokens = self.norm(videos).permute(0, 3, 4, 2, 1).reshape(-1, frames, channels)
        tokens = self.proj_in(tokens)
        for block in self.transformer_blocks:
            tokens = block(tokens)
        tokens = self.proj_out(tokens)
        changed = tokens.unflatten(0, (-1, height, width)).permute(0, 3, 4, 1, 2).contiguous()
        return changed.flatten(0, 1) + hidden_states


def timestep_features(timesteps: Tensor, channels: int) -> Tensor:
    """Cosines and sines ``(videos, channels)`` of timesteps ``(videos,)`` (Ho et al., NeurIPS 2020), float32."""
    half = channels // 2
    exponent = -9.210340371976184 * torch.arange(half, dtype=torch.float32, device=timesteps.device) / half  # log(10000)
    angles = timesteps[:, None].float() * exponent.exp()[None, :]
    return torch.cat([angles.cos(), angles.sin()], dim=-1)
