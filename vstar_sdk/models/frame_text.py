"""One text embedding for each frame, in a network that takes one for each video."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def frame_text(unet: nn.Module, text: Tensor) -> Iterator[None]:
    """While it is open, every frame of a ``UNet3DConditionModel`` is conditioned on its own text.

    The network repeats the embedding of a video for its frames, then passes it to the blocks with cross-attention. Hooks before
    these blocks put the per-frame embeddings in its place: with equal embeddings the output is the same bit for bit.

    Args:
        unet: the network.
        text: ``(videos, frames, tokens, dim)``.
    """
    per_frame = text.flatten(0, 1)

    def replace(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, {**kwargs, "encoder_hidden_states": per_frame}

    with ExitStack() as hooks:
        for block in unet.modules():
            if getattr(block, "has_cross_attention", False):
                hooks.callback(block.register_forward_pre_hook(replace, with_kwargs=True).remove)
        yield
