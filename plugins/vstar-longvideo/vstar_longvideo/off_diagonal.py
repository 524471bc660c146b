"""Less weight on the diagonal of the attention map, the opposite of TAR; after TiARA (Li et al., 2024, arXiv 2412.17254).

The field disagrees about the diagonal: TAR strengthens it, so that far frames may differ; TiARA weakens it, so that near frames
do not flicker. Of the unnormalised weights ``exp(S)``, those of near frames become a share ``w``::

    S'_ij = S_ij + log w     where |i - j| <= radius

TiARA chooses ``w`` by a short-time Fourier transform of the motion; here it is one number for the run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from vstar_longvideo.levels import LevelOptions
from vstar_sdk import Bias, Site
from vstar_sdk.options import Duration

if TYPE_CHECKING:
    from torch import Tensor


class OffDiagonalOptions(LevelOptions):
    """Options of `OffDiagonal`."""

    weight: float = Field(default=0.5, gt=0, lt=1)
    """What is left of the weight of near frames, before every row is made to sum to 1 again."""
    radius: Duration | None = None
    """Which frames are near: frames (`2`), seconds (`"0.25s"`) or a share of the clip (`"5%"`); default: the frame itself."""


class OffDiagonal:
    """Takes attention from the frame itself, and from those near it.

    Args:
        options: the validated options.
    """

    def __init__(self, options: OffDiagonalOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> list[Bias]:
        """One `Bias` at the chosen levels."""
        if not self.options.chosen(site):
            return []
        radius = 0.0 if self.options.radius is None else site.duration(self.options.radius)
        lost = math.log(self.options.weight)

        def bias(distance: Tensor) -> Tensor:
            return lost * (distance.abs() <= radius).to(distance)

        return [Bias(bias)]
