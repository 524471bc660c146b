"""One text embedding for each frame, in a network that takes one for each video."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn


class FrameText:
    """Conditions every frame of a ``UNet3DConditionModel`` on its own text.

    ::

        text = FrameText(unet)
        with text.attached():
            for ...:
                text.embeddings = ...
                unet(...)

    The network repeats the embedding of a video for its frames, then passes it to the blocks with cross-attention. Hooks before
    these blocks put the per-frame embeddings in its place: with equal embeddings the output is the same bit for bit. The hooks
    stay for all the calls of a run, and this object for all runs: a compiled network would be compiled again for other ones.

    Attributes:
        embeddings: ``(videos * frames, tokens, dim)``, in the network's precision; set before every call of the network.
    """

    def __init__(self, unet: nn.Module) -> None:
        self.embeddings: Tensor | None = None
        self._unet = unet
        self._open = 0

    @contextmanager
    def attached(self) -> Generator[None]:
        """While it is open the hooks are in the network; opened again inside itself, it changes nothing."""
        self._open += 1
        try:
            with ExitStack() as hooks:
                if self._open == 1:
                    hooks.callback(self._forget)
                    for block in self._unet.modules():
                        if getattr(block, "has_cross_attention", False):
                            hooks.callback(block.register_forward_pre_hook(self._replace, with_kwargs=True).remove)
                yield
        finally:
            self._open -= 1

    def _replace(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, {**kwargs, "encoder_hidden_states": self.embeddings}

    def _forget(self) -> None:
        self.embeddings = None


@contextmanager
def frame_text(unet: nn.Module, text: Tensor) -> Generator[None]:
    """`FrameText` for one call of the network.

    Args:
        unet: the network.
        text: ``(videos, frames, tokens, dim)``.
    """
    given = FrameText(unet)
    with given.attached():
        given.embeddings = text.flatten(0, 1)
        yield
