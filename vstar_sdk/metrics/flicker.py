"""``flicker``: how far frames are from the mean of their neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage


class Flicker:
    """``flicker = mean over t, pixels, channels of |x[t] - (x[t-1] + x[t+1]) / 2| / 255``, for all frames but the first and last.

    From 0 (still, or an even change) to 1 (black and white in turn). It needs 3 frames, and holds two.
    """

    numbers = ("flicker",)

    def __init__(self, options: Options) -> None:
        self._before: list[NDArray[np.int16]] = []
        self._sum, self._count = 0.0, 0

    def begin(self, clip: Footage) -> None:
        """Begin a clip.

        Raises:
            SpecError: it has fewer than 3 frames.
        """
        from vstar_sdk.metrics.pixels import at_least

        at_least(3, clip, "flicker")
        self._before, self._sum, self._count = [], 0.0, 0

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Compare the frame before with its neighbours."""
        from vstar_sdk.metrics.pixels import levels, share

        new = levels(frame)
        if len(self._before) == 2:
            older, old = self._before
            self._sum += share(2 * old - older - new) / 2
            self._count += 1
        self._before = [*self._before[-1:], new]

    def result(self) -> Mapping[str, float]:
        """The mean."""
        return {"flicker": self._sum / self._count}


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``flicker``."""
    register("flicker", options=Options, factory=Flicker, summary="How far frames are from the mean of their neighbours, 0 to 1.")
