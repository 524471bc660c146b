"""The text encoder of the embedded model: CLIP's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class CausalAttention(nn.Module):
    """Attention of every token to itself and those before it."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(prompts, tokens, channels)`` to the same shape."""
        query, key, value = (
            project(tokens).unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.out_proj(attended.transpose(1, 2).flatten(2))


class Perceptron(nn.Module):
    """Two layers with CLIP's quick approximation of GELU between them."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(channels, width), nn.Linear(width, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(..., channels)`` to the same shape."""
        wide = self.fc1(tokens)
        return self.fc2(wide * torch.sigmoid(1.702 * wide))


class Layer(nn.Module):
    """Attention and perceptron, each behind a normalisation and with a residual connection."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        channels, eps = config["hidden_size"], config["layer_norm_eps"]
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(channels, eps=eps), nn.LayerNorm(channels, eps=eps)
        self.self_attn = CausalAttention(channels, config["num_attention_heads"])
        self.mlp = Perceptron(channels, config["intermediate_size"])

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(prompts, tokens, channels)`` to the same shape."""
        tokens = tokens + self.self_attn(self.layer_norm1(tokens))
        return tokens + self.mlp(self.layer_norm2(tokens))


class Embeddings(nn.Module):
    """What a token is, and where it stands."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        channels = config["hidden_size"]
        self.token_embedding = nn.Embedding(config["vocab_size"], channels)
        self.position_embedding = nn.Embedding(config["max_position_embeddings"], channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map numbers ``(prompts, tokens)`` to ``(prompts, tokens, channels)``."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)[None]
        return self.token_embedding(tokens) + self.position_embedding(positions)


class Layers(nn.Module):
    """One layer after the other."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer(config) for _ in range(config["num_hidden_layers"])])

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(prompts, tokens, channels)`` to the same shape."""
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens


class TextEncoder(nn.Module):
    """The encoder.

    Args:
        config: of a ``CLIPTextModel`` with ``hidden_act: quick_gelu``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = dict(config)
        self.embeddings = Embeddings(config)
        self.encoder = Layers(config)
        self.final_layer_norm = nn.LayerNorm(config["hidden_size"], eps=config["layer_norm_eps"])

    @property
    def dtype(self) -> torch.dtype:
        """The precision of its weights."""
        return self.final_layer_norm.weight.dtype

    def forward(self, tokens: Tensor) -> Tensor:
        """The last hidden states ``(prompts, tokens, channels)`` of token numbers ``(prompts, tokens)``."""
        return self.final_layer_norm(self.encoder(self.embeddings(tokens)))
