"""A penalty on the first frame, as DyMoS has it (2026): later frames look at it less, and move more.

Image-to-video models tend to repeat the picture that they begin with. In the first steps, of the scaled logits ``S``::

    S'_ij = S_ij - p     for j = 0 and i >= 1                p = 0.6;  the first 8 of 40 steps

As DyMoS has it, in the branch of the prompt alone; `branches: all` takes the negative prompt's too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from vstar_longvideo.levels import LevelOptions
from vstar_sdk import Bias, Site
from vstar_sdk.options import Window

if TYPE_CHECKING:
    from torch import Tensor


class FirstFrameOptions(LevelOptions):
    """Options of `FirstFrame`; the defaults are the paper's."""

    penalty: float = Field(default=0.6, ge=0, le=100)
    """What the first frame's logits lose in all other frames."""
    branches: Literal["prompt", "all"] = "prompt"
    """Branches of the guidance where it acts."""
    window: Window = (0.0, 0.2)
    """Start and end, as fractions of the schedule: of S steps, step i is inside when round(start S) <= i < round(end S)."""


class FirstFrame:
    """Takes attention from the first frame.

    Args:
        options: the validated options.
    """

    def __init__(self, options: FirstFrameOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> list[Bias]:
        """One `Bias` at the chosen levels; none in a clip of one frame."""
        if not self.options.chosen(site) or site.frames < 2:
            return []
        penalty = self.options.penalty

        def bias(distance: Tensor) -> Tensor:
            out = 0 * distance
            out[1:, 0] = -penalty
            return out

        return [Bias(bias, branches=self.options.branches)]
