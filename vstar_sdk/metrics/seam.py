"""``seam``: the largest jump between neighbours, against the jumps that the clip has anyway."""

from __future__ import annotations

from collections.abc import Mapping

from vstar_sdk.metrics.steps import Steps
from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

_LEAST = 1 / 255
"""The smallest jump that others are compared with: one level of 255, so that a seam in a still clip has a number, too."""


class Seam(Steps):
    """``seam = max(step) / max(p95(step), 1 / 255)`` with ``step[t] = mean over pixels, channels of |x[t+1] - x[t]| / 255``.

    ``p95`` is the largest step but for the topmost twentieth of them, and never the largest of all. Around 1 a clip is even; a
    cut, or a seam between windows that were made apart, is several times its other steps. ``seam_at`` is the number, from 0, of
    the frame behind the largest step. It needs 3 frames, and holds one, and a number for each.
    """

    numbers = ("seam", "seam_at")
    what = "a seam"

    def __init__(self, options: Options) -> None:
        super().__init__()

    def result(self) -> Mapping[str, float]:
        """The largest step against the others, and where it is."""
        largest = max(self._steps)
        others = sorted(self._steps)[int(0.95 * (len(self._steps) - 1))]
        return {"seam": largest / max(others, _LEAST), "seam_at": self._steps.index(largest) + 1.0}


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``seam``."""
    register(
        "seam",
        options=Options,
        factory=Seam,
        summary="The largest jump, relative to the clip's own 95th percentile, and its frame.",
    )
