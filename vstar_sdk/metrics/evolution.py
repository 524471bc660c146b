"""``evolution``: how far the last frame is from the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage


class Evolution:
    """``evolution = mean over pixels, channels of |x[last] - x[first]| / 255``.

    From 0 (the clip ends as it began) to 1 (black became white). It needs 2 frames, and holds the first and the latest.
    """

    numbers = ("evolution",)

    _first: NDArray[np.int16]
    _last: NDArray[np.int16]

    def __init__(self, options: Options) -> None:
        self._frames = 0

    def begin(self, clip: Footage) -> None:
        """Begin a clip.

        Raises:
            SpecError: it has fewer than 2 frames.
        """
        from vstar_sdk.metrics.pixels import at_least

        at_least(2, clip, "evolution")
        self._frames = 0

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Keep the first frame and the latest."""
        from vstar_sdk.metrics.pixels import levels

        self._last = levels(frame)
        if self._frames == 0:
            self._first = self._last
        self._frames += 1

    def result(self) -> Mapping[str, float]:
        """The distance of the last frame from the first."""
        from vstar_sdk.metrics.pixels import share

        return {"evolution": share(self._last - self._first)}


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``evolution``."""
    register("evolution", options=Options, factory=Evolution, summary="How far the last frame is from the first, 0 to 1.")
