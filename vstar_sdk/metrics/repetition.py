"""``repetition``: how far a clip comes back to what it showed, as a story does that begins again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage

_SIDE = 16
"""Pixels of a side of the small pictures that are compared."""

_SHORTEST = 8
"""The least lag, in frames, and the least number of pairs."""


class Repetition:
    """The highest peak of the clip's likeness to itself some frames later, and where it is.

    ``r(L) = mean over t of <y[t], y[t+L]> / sqrt(mean |y[t]|^2 mean |y[t+L]|^2)``, where ``y`` is the frame, shrunk to 16x16 by
    the mean of areas, minus the mean of all frames. A clip that goes one way has an ``r`` that only falls; where a story begins
    again it has a peak. ``repetition`` is the highest peak of the lags from 8 frames to those that leave 9 pairs, 0 without one;
    ``repetition_at`` is its lag, in frames, 0 without one. ``repeated`` counts frames that are there twice; this also sees a
    story that is told again with other clouds.

    It needs 17 frames, and holds 768 numbers of each.
    """

    numbers = ("repetition", "repetition_at")

    _small: NDArray[np.float64]

    def __init__(self, options: Options) -> None:
        self._added = 0

    def begin(self, clip: Footage) -> None:
        """Begin a clip.

        Raises:
            SpecError: it has fewer than 17 frames, or they are smaller than 16x16 pixels.
        """
        import numpy as np

        from vstar_sdk.errors import SpecError
        from vstar_sdk.metrics.pixels import at_least

        at_least(2 * _SHORTEST + 1, clip, "a story that begins again")
        if min(clip.width, clip.height) < _SIDE:
            raise SpecError(f"repetition needs frames of {_SIDE}x{_SIDE} pixels, not {clip.width}x{clip.height}")
        self._small, self._added = np.empty((clip.frames, 3 * _SIDE * _SIDE)), 0

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Keep a frame, made small."""
        import numpy as np

        rows, columns = (np.array([size * part // _SIDE for part in range(_SIDE + 1)]) for size in frame.shape[:2])
        sums = np.add.reduceat(np.add.reduceat(frame.astype(float), rows[:-1], axis=0), columns[:-1], axis=1)
        self._small[self._added] = (sums / np.outer(np.diff(rows), np.diff(columns))[..., None]).ravel()
        self._added += 1

    def result(self) -> Mapping[str, float]:
        """The peak and its lag."""
        import numpy as np

        y = self._small - self._small.mean(0)
        likeness = y @ y.T
        size = np.diagonal(likeness)
        count = len(y)

        def r(lag: int) -> float:
            of = float(np.sqrt(size[: count - lag].mean() * size[lag:].mean()))
            return float(np.diagonal(likeness, lag).mean()) / of if of else 0.0

        values = {lag: r(lag) for lag in range(_SHORTEST - 1, count - _SHORTEST + 1)}
        peaks = [lag for lag in list(values)[1:-1] if values[lag] > max(values[lag - 1], values[lag + 1])]
        best = max(peaks, key=values.__getitem__, default=0)
        return {"repetition": values[best] if best else 0.0, "repetition_at": float(best)}


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``repetition``."""
    summary = "How far the clip comes back to what it showed, 1 for a loop, and after how many frames."
    register("repetition", options=Options, factory=Repetition, summary=summary)
