"""``pan``: noise that moves across the picture, and with it what is made of the noise. No torch until it draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from vstar_sdk.clock import Clock

_FINE = 16
"""Parts of a latent pixel: the camera moves by whole ones."""


class PanOptions(Options):
    """A steady move of the camera."""

    to: Literal["left", "right", "up", "down"]
    """Where the camera goes; what it looks at goes the other way."""

    distance: float = Field(default=1.0, gt=0, le=64)
    """How far it goes from the first frame to the last, in widths of the picture; in heights where it goes up or down."""


class Pan:
    """Every frame is a window on one wide canvas of noise, a little further on than in the frame before.

    A value of a frame is the integral of white noise over its latent pixel, divided by the root of its area. So it is standard
    normal for any shift, neighbours within a frame are independent, and what two windows share is exactly the area where they
    overlap: the integral noise of Chang et al., "How I Warped Your Noise" (ICLR 2024), for a translation. A denoiser that treats
    all places alike then draws the same things further on.

    Args:
        options: where to, and how far.
    """

    def __init__(self, options: PanOptions) -> None:
        self._options = options

    def draw(self, shape: Sequence[int], clock: Clock, generator: torch.Generator) -> Tensor:
        """See `vstar_sdk.Noise.draw`."""
        import torch

        del clock
        _, channels, frames, height, width = shape
        across = self._options.to in ("left", "right")
        along, other = (width, height) if across else (height, width)
        far = self._options.distance * along * _FINE
        starts = [round(far * frame / max(frames - 1, 1)) for frame in range(frames)]
        if self._options.to in ("left", "up"):
            starts = [max(starts) - start for start in starts]
        canvas = torch.randn(1, channels, other, along * _FINE + max(starts), generator=generator, dtype=torch.float32)
        windows = [canvas[..., start : start + along * _FINE].unfold(-1, _FINE, _FINE).sum(-1) for start in starts]
        noise = torch.stack(windows, 2) / _FINE**0.5
        return noise if across else noise.transpose(-1, -2).contiguous()


@hookimpl
def register_noises(register: Register) -> None:
    """Offer the noise."""
    register("pan", options=PanOptions, factory=Pan, summary="Noise that moves across the picture: the camera pans.")
