"""``drift``: how far the colour of the picture moves away from where it began."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vstar_sdk.metrics.colour import lab
from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage


class Drift:
    """``drift = max over t of |Lab(mean colour of x[t]) - Lab(mean colour of x[0])|``, in ``Delta E*ab`` (CIE 1976).

    The mean colour is that of the sRGB levels of all pixels. 0 is a clip that keeps its colour, about 2 the least that people
    see, 100 is from black to white. It is the largest distance, so that a colour that comes back has drifted, too. A story of
    autumn should drift; a story in one light should not. It needs 2 frames, and holds one colour.
    """

    numbers = ("drift",)

    def __init__(self, options: Options) -> None:
        self._first: tuple[float, float, float] | None = None
        self._farthest = 0.0

    def begin(self, clip: Footage) -> None:
        """Begin a clip.

        Raises:
            SpecError: it has fewer than 2 frames.
        """
        from vstar_sdk.metrics.pixels import at_least

        at_least(2, clip, "a drift of colour")
        self._first, self._farthest = None, 0.0

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Compare the colour of a frame with that of the first."""
        colour = lab(frame.mean(axis=(0, 1)).tolist())
        if self._first is None:
            self._first = colour
        self._farthest = max(self._farthest, math.dist(colour, self._first))

    def result(self) -> Mapping[str, float]:
        """The largest distance."""
        return {"drift": self._farthest}


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``drift``."""
    register(
        "drift",
        options=Options,
        factory=Drift,
        summary="The largest change of the mean colour since the first frame, in Delta E.",
    )
