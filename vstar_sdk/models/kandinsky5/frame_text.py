"""A text for every latent frame of Kandinsky 5, or one for every key state, which all frames read.

The text reaches a frame in two ways: its tokens through cross-attention, and its pooled vector through the modulation of every
block. So all that a block does, but for its self-attention, is done for each latent frame by itself, with its own text: the
frames are folded into the batch around that attention. Nothing else in a block sees more than one token at a time.

Where all frames read the texts of all key states, the blocks of the text take these one by one. Then they stand in a row for the
cross-attention, which sees the clip as a whole, and each frame has the vector of one of them.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.models.kandinsky5.processor import Kandinsky5TextProcessor, PartialText
from vstar_sdk.models.kandinsky5.text import Told


@contextmanager
def reading(network: Any, text: Told) -> Generator[None]:
    """While it is open, a network reads such a text: the arguments are the call's.

    Args:
        network: a ``Kandinsky5Transformer3DModel``. It takes as many texts, pooled vectors and timesteps as there are texts; of
            latents there are as many as there are videos.
        text: what it will be told.
    """
    with ExitStack() as stack:
        if text.bias is not None:
            videos = len(text.bias) if text.nearest is None else len(text.nearest)
            _mask(stack, [block.self_attention for block in network.text_transformer_blocks], text.bias)
            readers = [block.cross_attention for block in network.visual_transformer_blocks]
            _mask(stack, readers, text.bias.reshape(videos, -1))
        if text.nearest is not None:
            _fold(stack, network, text.nearest.shape[1], text.nearest)
        elif text.frames is not None:
            _fold(stack, network, text.frames)
        yield


def _mask(stack: ExitStack, readers: list[Any], bias: Tensor) -> None:
    """Have attentions to the text add a bias ``(texts, tokens)`` to their logits."""
    masked = PartialText(bias)
    for attention in readers:
        own = attention.processor
        if isinstance(own, Kandinsky5TextProcessor):
            own.bias = bias
            stack.callback(setattr, own, "bias", None)
        else:
            stack.callback(attention.set_processor, own)
            attention.set_processor(masked)


def _fold(stack: ExitStack, network: Any, frames: int, nearest: Tensor | None = None) -> None:
    """Hooks that fold the latent frames into the batch, and out of it.

    Args:
        stack: takes them off.
        network: gets them.
        frames: how many there are.
        nearest: see `Told`.
    """

    def apart(tokens: Tensor) -> Tensor:
        return torch.unflatten(tokens, 1, (frames, -1)).flatten(0, 1)

    def together(tokens: Tensor) -> Tensor:
        return torch.unflatten(tokens, 0, (-1, frames)).flatten(1, 2)

    def of_videos(x: Tensor) -> Tensor:
        """What there is of every text, ``(videos, states, ...)``."""
        return torch.unflatten(x, 0, (1 if nearest is None else len(nearest), -1))

    def read(text: Tensor) -> Tensor:
        return text if nearest is None else of_videos(text).flatten(1, 2)

    def modulating(time: Tensor) -> Tensor:
        if nearest is None:
            return time
        place = nearest.to(time.device)
        return of_videos(time)[torch.arange(len(place), device=time.device)[:, None], place].flatten(0, 1)

    def block_given(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        tokens, text, time, *rest = args
        return (apart(tokens), read(text), modulating(time), *rest)

    def out_given(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        tokens, text, time = args
        return (tokens.flatten(0, 1)[:, None], text, modulating(time))

    def tokens_together(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (together(args[0]), *args[1:])

    def out_apart(_: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        del args
        return apart(out)

    def out_together(_: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        del args
        return together(out)

    def clip(_: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        del args
        return torch.unflatten(out[:, 0], 0, (-1, frames))

    for block in network.visual_transformer_blocks:
        stack.callback(block.register_forward_pre_hook(block_given).remove)
        for attention in (block.self_attention, *(() if nearest is None else (block.cross_attention,))):
            stack.callback(attention.register_forward_pre_hook(tokens_together).remove)
            stack.callback(attention.register_forward_hook(out_apart).remove)
        stack.callback(block.register_forward_hook(out_together).remove)
    stack.callback(network.out_layer.register_forward_pre_hook(out_given).remove)
    stack.callback(network.out_layer.register_forward_hook(clip).remove)
