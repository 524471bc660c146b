"""Positional encodings of motion modules for clips that are longer than those they were trained on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from diffusers.models.embeddings import SinusoidalPositionalEmbedding
from torch import Tensor, nn

from vstar_sdk.errors import ModelError

_DIFFERENCE = 0.01
"""Between the encoding that was loaded and the formula: more than half precision makes of it."""


class LongerPositions:
    """Continues the sinusoids of a ``UNetMotionModel`` while it is open, for as many frames as are asked for.

    Frame ``n`` has ``sin(n w_i)`` and ``cos(n w_i)`` with ``w_i = 10000**(-2 i / dim)``, as in training. The rows that the
    network was loaded with stay as they are; those beyond are the formula's. Its temporal attention then simply sees more
    positions.

    Args:
        denoiser: the network.
        device: that it computes on.
    """

    def __init__(self, denoiser: nn.Module, device: torch.device) -> None:
        self._encodings = [module for module in denoiser.modules() if isinstance(module, SinusoidalPositionalEmbedding)]
        self._device = device
        self._own: list[Tensor] | None = None
        self._open = 0

    @contextmanager
    def opened(self) -> Generator[None]:
        """At its end the network has the encodings that it had before; opened again inside itself, it changes nothing."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if not self._open and self._own is not None:
                for encoding, own in zip(self._encodings, self._own, strict=True):
                    encoding.pe = own
                self._own = None

    def reach(self, frames: int) -> None:
        """See to it that there are positions for so many frames; to be called inside `opened`.

        Raises:
            ModelError: what was loaded is not the formula's, and so cannot be continued.
        """
        if all(encoding.get_buffer("pe").shape[1] >= frames for encoding in self._encodings):
            return
        if self._own is None:
            self._own = [encoding.get_buffer("pe") for encoding in self._encodings]
        longer = [_continued(own, frames).to(self._device) for own in self._own]
        for encoding, pe in zip(self._encodings, longer, strict=True):
            encoding.pe = pe


def _continued(own: Tensor, frames: int) -> Tensor:
    """Positional encodings ``(1, frames, dim)`` that begin with ``own``."""
    _, trained, dim = own.shape
    formula = SinusoidalPositionalEmbedding(dim, frames).get_buffer("pe").to(own.device)
    if not torch.allclose(formula[:, :trained], own.float(), rtol=0.0, atol=_DIFFERENCE):
        raise ModelError(
            f"the motion adapter's positions of {trained} frames do not follow the sinusoidal formula, and cannot be extended",
            hint=f"make at most {trained} frames, or use another motion adapter",
        )
    return torch.cat([own, formula[:, trained:].to(own.dtype)], dim=1)
