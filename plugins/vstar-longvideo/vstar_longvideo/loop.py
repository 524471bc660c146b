"""Looping: the band of TAR over a clip whose end meets its beginning (ours).

Of two frames of a clip of length ``L`` that is shown again and again, the distance is the shorter way round::

    d_ij  = min(|i - j|, L - |i - j|)
    G_ij  = exp(-d_ij^2 / (2 sigma^2))
    A'_ij = A_ij + strength s_i G_ij             s_i: a statistic of row i of the logits A

``band: seam`` is what TAR's own band lacks of it, ``G_ij - exp(-(i - j)^2 / (2 sigma^2))``, for a run that has ``tar`` of the
same sigma next to it: together they are the periodic band. The story comes round by `vstar_longvideo.cycle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from vstar_longvideo.band import BandOptions, gaussian_band
from vstar_longvideo.freenoise_windows import WindowsOptions
from vstar_longvideo.profile import ProfileOptions
from vstar_longvideo.refusals import APART, name_of, refuse_windows
from vstar_sdk import Bias, Regularizer, Site, SpecError

if TYPE_CHECKING:
    from torch import Tensor


class LoopOptions(BandOptions):
    """Options of `Loop`."""

    band: Literal["whole", "seam"] = "whole"
    """`whole`: the periodic band, in the place of `tar`. `seam`: what it has beyond that of a `tar` of the same
    sigma, next to it."""


class Loop:
    """Adds a periodic Gaussian band, scaled row by row.

    Args:
        options: the validated options.
    """

    def __init__(self, options: LoopOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> list[Bias]:
        """One `Bias` with a row statistic, at sites whose level has a sigma."""
        sigma = self.options.width(site)
        if sigma is None:
            return []
        whole, length = self.options.band == "whole", site.clock.length

        def bias(distance: Tensor) -> Tensor:
            straight = distance.abs()
            round_about = straight.minimum(length - straight)
            band = gaussian_band(round_about, sigma)
            return band if whole else band - gaussian_band(straight, sigma)

        return [Bias(bias, stat=self.options.stat)]

    def beside(self, site: Site, before: Sequence[Regularizer], after: Sequence[Regularizer]) -> None:
        """See `vstar_sdk.ParticularRegularizer`: nothing that keeps both ends of the clip apart, and no straight band twice."""
        others = (*before, *after)
        refuse_windows("loop", "that are neighbours in the loop", others)
        for other in others:
            if isinstance(other.options, WindowsOptions):
                raise SpecError("loop: no window of freenoise holds both ends of the clip", hint=APART)
            if self.options.band == "whole" and (name_of(other.options) == "tar" or isinstance(other.options, ProfileOptions)):
                raise SpecError(
                    f"loop: the band of {name_of(other.options) or 'another'} is part of it and would count twice",
                    hint="write band: seam, or remove the other one",
                    path=("band",),
                )
