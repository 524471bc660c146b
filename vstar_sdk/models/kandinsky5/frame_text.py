"""A text for every latent frame of Kandinsky 5.

The text reaches a frame in two ways: its tokens through cross-attention, and its pooled vector through the modulation of every
block. So all that a block does, but for its self-attention, is done for each latent frame by itself, with its own text: the
frames are folded into the batch around that attention. Nothing else in a block sees more than one token at a time.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.models.kandinsky5.processor import PartialText
from vstar_sdk.models.kandinsky5.text import Told


@contextmanager
def reading(network: Any, text: Told) -> Generator[None]:
    """While it is open, a network reads such a text: the arguments are the call's.

    Args:
        network: a ``Kandinsky5Transformer3DModel``. It takes as many texts, pooled vectors and timesteps as there are texts.
        text: what it will be told.
    """
    with ExitStack() as stack:
        if text.bias is not None:
            _mask(stack, network, PartialText(text.bias))
        if text.frames is not None:
            _fold(stack, network, text.frames)
        yield


def _mask(stack: ExitStack, network: Any, processor: PartialText) -> None:
    """Another processor at every attention to the text."""
    readers = [block.self_attention for block in network.text_transformer_blocks]
    readers += [block.cross_attention for block in network.visual_transformer_blocks]
    for attention in readers:
        stack.callback(attention.set_processor, attention.processor)
        attention.set_processor(processor)


def _fold(stack: ExitStack, network: Any, frames: int) -> None:
    """Hooks that fold the latent frames into the batch, and out of it."""

    def apart(tokens: Tensor) -> Tensor:
        return torch.unflatten(tokens, 1, (frames, -1)).flatten(0, 1)

    def together(tokens: Tensor) -> Tensor:
        return torch.unflatten(tokens, 0, (-1, frames)).flatten(1, 2)

    def tokens_apart(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (apart(args[0]), *args[1:])

    def tokens_together(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (together(args[0]), *args[1:])

    def out_apart(_: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        del args
        return apart(out)

    def out_together(_: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        del args
        return together(out)

    def pictures(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (args[0].flatten(0, 1)[:, None], *args[1:])

    def clip(_: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        del args
        return torch.unflatten(out[:, 0], 0, (-1, frames))

    for block in network.visual_transformer_blocks:
        attention = block.self_attention
        for hook in (
            block.register_forward_pre_hook(tokens_apart),
            attention.register_forward_pre_hook(tokens_together),
            attention.register_forward_hook(out_apart),
            block.register_forward_hook(out_together),
        ):
            stack.callback(hook.remove)
    stack.callback(network.out_layer.register_forward_pre_hook(pictures).remove)
    stack.callback(network.out_layer.register_forward_hook(clip).remove)
