"""``cuts``: the number of hard cuts, steps that are far above those around them."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from pydantic import Field

from vstar_sdk.metrics.steps import Steps
from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

_AROUND = 4
"""Steps on each side that a step is compared with."""


class CutsOptions(Options):
    """The number of hard cuts."""

    threshold: float = Field(default=0.05, ge=0, le=1)
    """The smallest mean difference of a pixel, of the whole range 1, that is a cut."""
    ratio: float = Field(default=2.0, ge=1, le=1000)
    """How many times the steps around it a cut is."""


class Cuts(Steps):
    """The number of steps ``t`` with ``step[t] >= max(threshold, ratio * around[t])``.

    ``step[t] = mean over pixels, channels of |x[t+1] - x[t]| / 255``, and ``around[t]`` is the upper quartile (nearest rank) of
    up to four steps on each side of it. So a story that moves fast, but evenly, has no cuts; neither has one that moves and then
    stands; and one frame of something else has two. A cut to much the same picture is not seen, nor a dissolve, nor cuts every
    other frame. It needs 3 frames, and holds one, and a number for each.

    Args:
        options: the validated options.
    """

    numbers = ("cuts",)
    what = "cuts"

    def __init__(self, options: CutsOptions) -> None:
        self._options = options
        super().__init__()

    def result(self) -> Mapping[str, float]:
        """How many steps are cuts."""
        return {"cuts": float(sum(map(self._is_cut, range(len(self._steps)))))}

    def _is_cut(self, at: int) -> bool:
        around = sorted([*self._steps[max(0, at - _AROUND) : at], *self._steps[at + 1 : at + 1 + _AROUND]])
        quartile = around[ceil(0.75 * len(around)) - 1]
        return self._steps[at] >= max(self._options.threshold, self._options.ratio * quartile)


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``cuts``."""
    register(
        "cuts", options=CutsOptions, factory=Cuts, summary="The number of hard cuts: steps that are many times those around."
    )
