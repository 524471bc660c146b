"""``fdg``: guidance with another scale for coarse shapes than for details. No torch until it guides."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from pydantic import Field

from vstar_sdk.options import GuidanceOptions
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.sampling.contract import NEGATIVE, PROMPT

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.attention.moment import Moment

_TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""The filter of a Gaussian pyramid (Burt and Adelson, 1983), in each direction."""


class FrequencyOptions(GuidanceOptions):
    """Frequency-decoupled guidance: details at a high scale, shapes and colours at the plain one."""

    details: float = Field(default=2.0, ge=0, le=20)
    """Scale of the finest band, in times `scale`; the coarsest has `scale` itself, those between are evenly between. At 1 all are
    alike."""
    levels: int = Field(default=2, ge=2, le=5)
    """Bands of the pyramid, each of half the size of the one before."""


class FrequencyDecoupled:
    """A `vstar_sdk.Guidance`: frequency-decoupled guidance (Sadat et al., 2025, arXiv 2506.19713), for each frame by itself.

    With ``L_l`` the bands of a Laplacian pyramid, the finest first and at full size, and ``d = e_prompt - e_negative``::

        e = e_negative + sum_l scale_l L_l(d)                    sum_l L_l(d) = d

    The published form guides the bands of both predictions and adds them up; the pyramid is linear, so that this is the same.
    """

    branches = (NEGATIVE, PROMPT)

    def __init__(self, options: FrequencyOptions) -> None:
        self.options = options

    def combine(self, predictions: Mapping[str, Tensor], scale: float, moment: Moment) -> Tensor:
        """See `vstar_sdk.Guidance.combine`."""
        del moment
        options, negative = self.options, predictions["negative"]
        update = predictions["prompt"] - negative
        frames = update.transpose(1, 2).flatten(0, 1)
        coarser = [frames]  # (frames, channels, height, width), each the one before without its band
        for _ in range(options.levels - 1):
            coarser.append(_halved(coarser[-1]))
        guided = scale * coarser[-1]
        for number, (fine, coarse) in reversed(list(enumerate(pairwise(coarser)))):
            share = (options.levels - 1 - number) / (options.levels - 1)  # 1 for the finest
            guided = _enlarged(guided, fine) + scale * (1 + share * (options.details - 1)) * (fine - _enlarged(coarse, fine))
        batch, channels, count, height, width = update.shape
        return negative + guided.view(batch, count, channels, height, width).transpose(1, 2)


def _halved(x: Tensor) -> Tensor:
    """Blurred, and every second row and column of it."""
    return _blurred(x)[..., ::2, ::2]


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    """At the size of another: rows and columns between, in straight lines, and blurred."""
    from torch.nn.functional import interpolate

    return _blurred(interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False))


def _blurred(x: Tensor) -> Tensor:
    """Filtered in both directions; the edge goes on as it is."""
    from torch.nn.functional import conv2d, pad

    taps = x.new_tensor(_TAPS)
    kernel = (taps[:, None] * taps).expand(x.shape[1], 1, -1, -1)
    return conv2d(pad(x, (2, 2, 2, 2), mode="replicate"), kernel, groups=x.shape[1])


@hookimpl
def register_guidances(register: Register) -> None:
    """Offer the guidance."""
    register(
        "fdg",
        options=FrequencyOptions,
        factory=FrequencyDecoupled,
        summary="Frequency-decoupled guidance: details at a higher scale than shapes.",
    )
