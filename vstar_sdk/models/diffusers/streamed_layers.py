"""Layers of the autoencoders of LTX and LTX-2 as iterators over frames, each of which remembers what it still needs.

They are made of ``map``, which keeps nothing of what it has passed on, so that a frame is in the memory of one layer alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, TypeGuard

import torch
from torch import Tensor


class Layers:
    """The layers of an encoder or a decoder as iterators.

    Args:
        network: it.
        timestep: that a decoder is told which takes away noise; None for the others.
        noise: of decoders that add some of their own: the same for all frames of a clip.
    """

    def __init__(self, network: Any, timestep: float | None = None, noise: torch.Generator | None = None) -> None:
        self.network, self._timestep, self._generator = network, timestep, noise

    def is_causal(self, convolution: Any) -> bool:
        """Whether a convolution over time reads no frame behind."""
        return bool(getattr(convolution, "is_causal", getattr(self.network, "is_causal", False)))

    def moves(self, module: Any, embedder: Any, x: Tensor) -> tuple[Tensor, ...]:
        """Shifts and scales of a module's channels, as the timestep says."""
        if self._timestep is None:
            raise ValueError("this decoder also denoises: it needs a timestep")
        given = torch.full((1,), self._timestep, device=x.device, dtype=x.dtype)
        if self.network.timestep_scale_multiplier is not None:
            given = given * self.network.timestep_scale_multiplier.to(x.device)
        embedded: Tensor = embedder(timestep=given, resolution=None, aspect_ratio=None, batch_size=1, hidden_dtype=x.dtype)
        table: Tensor = module.scale_shift_table.to(x)[None, ..., None, None, None]
        return (embedded.view(1, len(table[0]), -1, 1, 1, 1) + table).unbind(dim=1)

    def convolution(self, convolution: Any, frames: Iterator[Tensor]) -> Iterator[Tensor]:
        """A convolution over time: of the frames whose neighbours are known, and at the end of the last ones.

        Args:
            convolution: of the VAE. One with a stride is causal, and is given as many frames at a time as its stride goes into,
                but for the first.
            frames: a few at a time.
        """
        size: int = convolution.kernel_size[0]
        stride: int = convolution.conv.stride[0]
        before = size - 1 if self.is_causal(convolution) else (size - 1) // 2
        seen: Tensor | None = None

        def convolve(x: Tensor) -> Tensor | None:
            nonlocal seen
            x = torch.cat([x[:, :, :1].repeat(1, 1, before, 1, 1) if seen is None else seen, x], dim=2)
            seen = x[:, :, max(0, x.shape[2] - size + stride) :].clone()
            return convolution.conv(x) if x.shape[2] >= size else None

        def rest() -> Iterator[Tensor]:
            if seen is not None and before < size - 1:
                yield convolution.conv(torch.cat([seen, seen[:, :, -1:].repeat(1, 1, size - 1 - before, 1, 1)], dim=2))

        return chain(filter(_is_there, map(convolve, frames)), rest())

    def resnet(self, resnet: Any, frames: Iterator[Tensor], embedder: Any = None) -> Iterator[Tensor]:
        """A residual block; its embedder is that of the timestep."""
        aside = Aside()
        given = resnet.scale_shift_table is not None

        def enter(inputs: Tensor) -> Tensor:
            aside.put(inputs)
            x = normalized(resnet.norm1, inputs)
            if given:
                shift, scale, _, _ = self.moves(resnet, embedder, x)
                x = x * (1 + scale) + shift
            return resnet.nonlinearity(x)

        def between(x: Tensor) -> Tensor:
            x = normalized(resnet.norm2, x)
            if given:
                _, _, shift, scale = self.moves(resnet, embedder, x)
                x = x * (1 + scale) + shift
            return resnet.dropout(resnet.nonlinearity(x))

        def leave(x: Tensor) -> Tensor:
            inputs = aside.take(x.shape[2])
            if resnet.norm3 is not None:
                inputs = resnet.norm3(inputs.movedim(1, -1)).movedim(-1, 1)
            if resnet.conv_shortcut is not None:  # it reads one frame
                inputs = getattr(resnet.conv_shortcut, "conv", resnet.conv_shortcut)(inputs)
            return x + inputs

        x = self._noisy(resnet.per_channel_scale1, self.convolution(resnet.conv1, map(enter, frames)))
        return map(leave, self._noisy(resnet.per_channel_scale2, self.convolution(resnet.conv2, map(between, x))))

    def _noisy(self, scale: Tensor | None, frames: Iterator[Tensor]) -> Iterator[Tensor]:
        if scale is None:
            return frames
        noise: Tensor | None = None

        def add(x: Tensor) -> Tensor:
            nonlocal noise
            if noise is None:
                noise = torch.randn(x.shape[-2:], generator=self._generator, dtype=x.dtype).to(x.device)[None] * scale.to(x)
            return x + noise[None, :, None]

        return map(add, frames)


class Aside:
    """Frames that wait until what is computed from them is there."""

    def __init__(self) -> None:
        self._frames: list[Tensor] = []

    def put(self, frames: Tensor) -> None:
        """Have some more wait."""
        self._frames.append(frames)

    def take(self, count: int) -> Tensor:
        """The first so many of those that wait."""
        frames = torch.cat(self._frames, dim=2)
        self._frames = [frames[:, :, count:].clone()]
        return frames[:, :, :count]


def _is_there(frames: Tensor | None) -> TypeGuard[Tensor]:
    return frames is not None


def normalized(norm: Any, x: Tensor) -> Tensor:
    """What a normalization of the channels makes of frames."""
    # LTX normalizes the last dimension, LTX-2 the channels where they are.
    return norm(x) if hasattr(norm, "channel_dim") else norm(x.movedim(1, -1)).movedim(-1, 1)
