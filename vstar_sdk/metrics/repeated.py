"""``repeated``: the share of frames that were there before: a loop, a window told twice, a way there and back."""

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

_SIDE = 16
"""Pixels of a side of the small pictures that are compared."""


class RepeatedOptions(Options):
    """The share of frames that were there before, 0 to 1."""

    threshold: float = Field(default=0.01, ge=0, le=0.5)
    """The largest mean difference of a pixel, of the whole range 1, at which two small pictures count as the same."""


class Repeated:
    """The share of frames ``t`` with an earlier ``s``, and a frame ``u`` between them, so that the clip left and came back.

    ``d(s, t) <= threshold`` and ``d(u, t) > 2 threshold`` for some ``s < u < t``, where ``d`` is the mean over pixels and
    channels of ``|y[s] - y[t]| / 255`` and ``y`` the frame shrunk to 16x16 by the mean of areas. So a still clip, or a slow one,
    repeats nothing (see ``frozen``). From 0 to nearly 1; a clip told twice has 0.5, one that goes there and back about the same.
    It needs 3 frames, and holds a small picture (768 bytes) of each.

    Args:
        options: the validated options.
    """

    numbers = ("repeated",)

    _seen: NDArray[np.uint8]

    def __init__(self, options: RepeatedOptions) -> None:
        self._threshold = options.threshold
        self._count = self._repeated = 0

    def begin(self, clip: Footage) -> None:
        """Begin a clip.

        Raises:
            SpecError: it has fewer than 3 frames.
        """
        import numpy as np

        from vstar_sdk.metrics.pixels import at_least

        at_least(3, clip, "what is repeated")
        self._seen, self._count, self._repeated = np.empty((clip.frames, 3 * _SIDE * _SIDE), np.uint8), 0, 0

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Compare a frame with all before it."""
        import numpy as np
        from PIL import Image

        small = Image.fromarray(frame).resize((_SIDE, _SIDE), Image.Resampling.BOX)
        self._seen[self._count] = np.asarray(small).ravel()
        far = np.abs(self._seen[: self._count].astype(np.int16) - self._seen[self._count]).mean(axis=1) / 255
        (away,) = np.nonzero(far > 2 * self._threshold)
        if len(away):
            self._repeated += bool((far[: away[-1]] <= self._threshold).any())
        self._count += 1

    def result(self) -> Mapping[str, float]:
        """The share."""
        return {"repeated": self._repeated / self._count}


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``repeated``."""
    summary = "The share of frames that repeat an earlier one, as in a loop."
    register("repeated", options=RepeatedOptions, factory=Repeated, summary=summary)
