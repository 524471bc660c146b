"""Steps from frame to frame: what `seam` and `cuts` judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage


class Steps:
    """A metric's memory: one frame, and ``step[t] = mean over pixels, channels of |x[t+1] - x[t]| / 255`` for each.

    It needs 3 frames, so that there are two steps to compare.
    """

    what: ClassVar[str]
    """What is measured, for messages."""

    def __init__(self) -> None:
        self._before: NDArray[np.int16] | None = None
        self._steps: list[float] = []

    def begin(self, clip: Footage) -> None:
        """Begin a clip.

        Raises:
            SpecError: it has fewer than 3 frames.
        """
        from vstar_sdk.metrics.pixels import at_least

        at_least(3, clip, self.what)
        self._before, self._steps = None, []

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Measure the step from the frame before."""
        from vstar_sdk.metrics.pixels import levels, share

        new = levels(frame)
        if self._before is not None:
            self._steps.append(share(new - self._before))
        self._before = new
