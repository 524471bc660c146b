"""``frozen``: the share of frames that are nearly those before them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage


class FrozenOptions(Options):
    """The share of frames that are nearly those before them, 0 to 1."""

    threshold: float = Field(default=0.002, ge=0, le=1)
    """The largest mean difference of a pixel, of the whole range 1, at which two neighbours count as the same: half a level."""


class Frozen:
    """``frozen = share of the pairs (t, t + 1) with mean over pixels, channels of |x[t+1] - x[t]| / 255 <= threshold``.

    From 0 (every frame is new) to 1 (a still). It needs 2 frames, and holds one.

    Args:
        options: the validated options.
    """

    numbers = ("frozen",)

    def __init__(self, options: FrozenOptions) -> None:
        self._threshold = options.threshold
        self._before: NDArray[np.int16] | None = None
        self._same = self._pairs = 0

    def begin(self, clip: Footage) -> None:
        """Begin a clip.

        Raises:
            SpecError: it has fewer than 2 frames.
        """
        from vstar_sdk.metrics.pixels import at_least

        at_least(2, clip, "frozen")
        self._before, self._same, self._pairs = None, 0, 0

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Compare a frame with the one before."""
        from vstar_sdk.metrics.pixels import levels, share

        new = levels(frame)
        if self._before is not None:
            self._pairs += 1
            self._same += share(new - self._before) <= self._threshold
        self._before = new

    def result(self) -> Mapping[str, float]:
        """The share."""
        return {"frozen": self._same / self._pairs}


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``frozen``."""
    register("frozen", options=FrozenOptions, factory=Frozen, summary="The share of frames that nearly equal the one before.")
