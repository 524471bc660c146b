"""FreeNoise: the noise of a long clip is that of a short one, shuffled (Qiu et al., ICLR 2024, arXiv 2310.15169).

The frames of the first window, ``W``, are drawn. Every later group of ``S`` frames is the group ``W`` frames before it,
in another, random order::

    eps_i            ~ N(0, 1)                       0 <= i < W
    eps_{g + i}      = eps_{g - W + pi_g(i)}         g = W, W + S, W + 2 S, ...;  0 <= i < S;  pi_g a random permutation

Every number by itself stays standard normal, and frames far from each other share theirs, which keeps scene and subject alike.
Frames are latent frames. The attention that belongs to it is in `vstar_longvideo.freenoise_windows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from vstar_sdk import Clock, Options

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class FreeNoiseOptions(Options):
    """Options of `FreeNoise`; the defaults are the paper's."""

    window: int = Field(default=16, ge=1)
    """Latent frames that are drawn; a clip that is no longer has the noise `gaussian`, bit for bit."""
    stride: int = Field(default=4, ge=1)
    """Latent frames of a group whose noise changes places; at most the window."""

    @model_validator(mode="after")
    def _fits(self) -> FreeNoiseOptions:
        if self.stride > self.window:
            raise ValueError(f"stride {self.stride}: a group must not be longer than the window of {self.window} frames")
        return self


class FreeNoise:
    """A `vstar_sdk.Noise` whose later frames are the first ones in another order.

    Args:
        options: the validated options.
    """

    def __init__(self, options: FreeNoiseOptions) -> None:
        self._options = options

    def draw(self, shape: Sequence[int], clock: Clock, generator: torch.Generator) -> Tensor:
        """See `vstar_sdk.Noise.draw`."""
        import torch

        one, channels, frames, height, width = shape
        window, stride = min(self._options.window, frames), self._options.stride
        drawn = torch.randn(one, channels, window, height, width, generator=generator)
        order = torch.arange(window)
        for group in range(window, frames, stride):
            source = order[group - window : group - window + stride]
            order = torch.cat([order, source[torch.randperm(stride, generator=generator)]])
        return drawn[:, :, order[:frames]]
