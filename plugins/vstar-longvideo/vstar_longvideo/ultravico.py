"""UltraViCo: attention beyond the frames of the training decays (Zhao et al., ICLR 2026, arXiv 2511.20123).

Frames farther from each other than the training's clips reach draw attention that means nothing there. Of scaled logits ``S``,
those that are positive become smaller::

    S'_ij = a S_ij     where |i - j| > L / 2 and S_ij > 0            a = 0.9;  L: frames of the training's clips
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from vstar_longvideo.freenoise_windows import WindowsOptions
from vstar_longvideo.levels import LevelOptions
from vstar_longvideo.refusals import APART, name_of
from vstar_sdk import Logits, Regularizer, Site, SpecError

if TYPE_CHECKING:
    from torch import Tensor


class UltravicoOptions(LevelOptions):
    """Options of `Ultravico`; the factor is the paper's."""

    factor: float = Field(default=0.9, ge=0, lt=1)
    """What a positive logit beyond the window is multiplied by."""
    trained_frames: int = Field(default=16, ge=2)
    """Frames of the clips that the model was trained with, as its temporal attention saw them."""


class Ultravico:
    """Makes logits smaller that are positive and of frames too far from each other.

    Args:
        options: the validated options.
    """

    def __init__(self, options: UltravicoOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> list[Logits]:
        """One `Logits` at the chosen levels; none where no frames are so far from each other."""
        factor, reach = self.options.factor, self.options.trained_frames / 2
        if not self.options.chosen(site) or site.clock.positions[-1] - site.clock.positions[0] <= reach:
            return []

        def decay(logits: Tensor, distance: Tensor) -> None:
            smaller = (logits > 0) & (distance.abs() > reach)
            logits.mul_(1 - (1 - factor) * smaller)

        return [Logits(decay)]

    def beside(self, site: Site, before: Sequence[Regularizer], after: Sequence[Regularizer]) -> None:
        """See `vstar_sdk.ParticularRegularizer`: windows that hold no frames so far from each other leave it nothing to do."""
        reach = self.options.trained_frames / 2
        for other in (*before, *after):
            radius = getattr(other.options, "radius", {}).get(site.level) if name_of(other.options) == "window" else None
            if radius is not None and site.duration(radius) <= reach:
                raise SpecError(f"ultravico: window hides all frames that are more than {reach:g} apart", hint=APART)
            if isinstance(other.options, WindowsOptions) and other.options.size - 1 <= reach:
                raise SpecError(
                    f"ultravico: no frames in a window of {other.options.size} are more than {reach:g} apart", hint=APART
                )
