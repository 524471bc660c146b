"""What methods with a band like TAR's share (VSTAR; Li et al., ICLR 2025, arXiv 2403.13501)::

G_ij  = exp(-(i - j)^2 / (2 sigma^2))
A'_ij = A_ij + strength s_i G_ij             s_i: a statistic of row i of the logits A
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field

from vstar_sdk import RegularizerOptions, Site
from vstar_sdk.options import Strength, Widths, Window

if TYPE_CHECKING:
    from torch import Tensor


class BandOptions(RegularizerOptions):
    """Options as those of ``tar``, and with its defaults."""

    sigma: Widths = Field(default={0: 4})
    """Width of the band for each level: frames (`4`), seconds (`"0.5s"`) or a share of the clip (`"12.5%"`); smaller is stronger.
    A single width means level 0, the highest resolution."""
    strength: Strength = 1.0
    """How much of the band is added: a number, or a course over the window (`{from: 1.0, to: 0.2}`); 0 is the plain model.
    Left out on a model whose tokens all attend to each other: 0.5."""
    stat: Literal["max", "spread"] = "max"
    """What the band is scaled by: `max`, the row's largest logit, or `spread`, the row's largest less its mean. Left out on a
    model whose tokens all attend to each other: `spread`."""
    window: Window = (0.0, 0.56)
    """Start and end, as fractions of the schedule: of S steps, step i is inside when round(start S) <= i < round(end S)."""

    def for_joint(self) -> Self:
        """With the defaults that ``tar`` has there."""
        others = {"stat": "spread", "strength": 0.5}
        return self.model_copy(update={key: value for key, value in others.items() if key not in self.model_fields_set})

    def width(self, site: Site) -> float | None:
        """The sigma at a site, in the units of its distances; None where it has none."""
        written = self.sigma.get(site.level)
        return None if written is None or site.block == "init" else site.duration(written)


def gaussian_band(distance: Tensor, sigma: float) -> Tensor:
    """``exp(-distance^2 / (2 sigma^2))``."""
    return (distance.square() / (-2 * sigma * sigma)).exp()
