"""What the causal encoder and decoder of HunyuanVideo 1.5 share: layers that remember what they need of the past.

Every convolution remembers its last two frames, and the attention in the middle its keys and values. So a clip goes through a
latent frame at a time, and no mask of all positions by all is needed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention


class Causal:
    """The memory of one clip, or of one tile of it.

    Attributes:
        first: whether the first frame of the clip is still to come.
    """

    def __init__(self) -> None:
        self.first = True
        self._past: dict[Any, Tensor] = {}

    def convolved(self, causal: Any, x: Tensor) -> Tensor:
        """A causal convolution, which sees the frames before these; before the first one it is itself."""
        *around, before, _ = causal.time_causal_padding
        x = pad(x, (*around, 0, 0), mode=causal.pad_mode)
        if before:
            past = self._past.get(causal)
            x = torch.cat([x[:, :, :1].expand(-1, -1, before, -1, -1) if past is None else past, x], dim=2)
            self._past[causal] = x[:, :, -before:].clone()
        return causal.conv(x)

    def middle(self, block: Any, x: Tensor) -> Tensor:
        """The block in the middle, of one latent frame."""
        x = self.residual(block.resnets[0], x)
        for attention, residual in zip(block.attentions, block.resnets[1:], strict=True):
            x = self.residual(residual, x if attention is None else self._attended(attention, x))
        return x

    def residual(self, block: Any, x: Tensor) -> Tensor:
        """A residual block."""
        inside = self.convolved(block.conv1, block.nonlinearity(block.norm1(x)))
        inside = self.convolved(block.conv2, block.nonlinearity(block.norm2(inside)))
        return inside + (x if block.conv_shortcut is None else block.conv_shortcut(x))

    def _attended(self, attention: Any, x: Tensor) -> Tensor:
        """Attention of one latent frame to itself and all before it."""
        normal = attention.norm(x)
        made = (project(normal).flatten(2).transpose(1, 2) for project in (attention.to_q, attention.to_k, attention.to_v))
        query, key, value = (one[:, None].contiguous() for one in made)
        if attention in self._past:
            key, value = (torch.cat(both, dim=2) for both in zip(self._past[attention], (key, value), strict=True))
        self._past[attention] = torch.stack([key, value])
        out = scaled_dot_product_attention(query, key, value)[:, 0]
        return attention.proj_out(out.transpose(1, 2).reshape(x.shape)) + x
