"""Profile-matched nursing: as much of TAR's band as keeps a share of the attention near the diagonal (ours).

What a strength of TAR does depends on the model, the clip and the step. Here the share of attention that stays near is chosen.
After every step ``n`` the map ``P`` of the site says what it was, and the strength follows::

    near_n  = mean_i sum_{|i - j| <= radius} P_ij
    s_0     = 1
    s_{n+1} = min(most, max(0, s_n + gain (share - near_n)))

The band is TAR's, so that the strength means what it means there; ``strength`` multiplies it. Every site has its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from vstar_longvideo.band import BandOptions, gaussian_band
from vstar_sdk import Bias, Site
from vstar_sdk.options import Duration

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk import Moment


class ProfileOptions(BandOptions):
    """Options of `Profile`."""

    share: float = Field(default=0.5, gt=0, le=1)
    """How much of a frame's attention should stay near it."""
    radius: Duration = 2
    """Which frames are near: frames (`2`), seconds (`"0.25s"`) or a share of the clip (`"12.5%"`)."""
    gain: float = Field(default=4.0, ge=0, le=100)
    """How fast the strength follows: what it gains in a step whose share is 1 too small. 0 is `tar`."""
    most: float = Field(default=4.0, gt=0, le=100)
    """The largest strength."""


class Profile:
    """A `vstar_sdk.RememberingRegularizer`: the band of TAR, as strong as the maps ask for.

    Args:
        options: the validated options.
    """

    def __init__(self, options: ProfileOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> list[Bias]:
        """One `Bias` with a row statistic, at sites whose level has a sigma."""
        sigma = self.options.width(site)
        if sigma is None:
            return []
        return [Bias(lambda distance: gaussian_band(distance, sigma), stat=self.options.stat)]

    def watches(self, site: Site) -> tuple[float, float] | None:
        """See `vstar_sdk.RememberingRegularizer.watches`."""
        return None if self.options.width(site) is None else self.options.window

    def begin(self, sites: Sequence[Site], steps: int) -> Strengths:
        """See `vstar_sdk.RememberingRegularizer.begin`."""
        return Strengths(self.options)


class Strengths:
    """The `vstar_sdk.Memory` of one run: the strength at every site.

    Args:
        options: of the regularizer.
    """

    def __init__(self, options: ProfileOptions) -> None:
        self._options = options
        self._strengths: dict[str, float] = {}

    def observe(self, site: Site, moment: Moment, attention: Tensor) -> None:
        """See `vstar_sdk.Memory.observe`."""
        import torch

        options = self._options
        place = torch.tensor(site.clock.positions, dtype=torch.float64)
        near = (place[:, None] - place).abs() <= site.duration(options.radius)
        missing = options.share - float((attention * near).sum(dim=1).mean())
        self._strengths[site.name] = min(options.most, max(0.0, self.strength(site, moment) + options.gain * missing))

    def strength(self, site: Site, moment: Moment) -> float:
        """See `vstar_sdk.Memory.strength`."""
        return self._strengths.get(site.name, 1.0)
