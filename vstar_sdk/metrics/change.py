"""``change``: how much the picture changes from each key state to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vstar_sdk.errors import SpecError
from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage

    Shares = NDArray[np.float64]


class Change:
    """``change = min over neighbouring states of W1(x[anchor], x[next anchor])``.

    ``W1`` is the Wasserstein distance (earth mover's, of order 1) between the levels of two pictures, the mean of the three
    channels, divided by 255: 0 where both have the same colours, wherever they are, 1 from black to white. So objects and views
    that only move are no change, and a state that is not shown is one of about 0. ``change_at`` is the number, from 1, of the
    state that differs least from the one before.

    It needs the anchors of 2 states, and holds a histogram for each of them.
    """

    numbers = ("change", "change_at")

    def __init__(self, options: Options) -> None:
        self._anchors: frozenset[int] = frozenset()
        self._shown: list[Shares] = []
        self._frames = 0

    def begin(self, clip: Footage) -> None:
        """Begin a clip.

        Raises:
            SpecError: its story is not known, or has one state only.
        """
        if clip.anchors is None:
            raise SpecError(
                "change compares the key states of a story, and this clip's are not known",
                hint="measure a run, or use evolution, which compares the first frame with the last",
            )
        if len(clip.anchors) < 2:
            raise SpecError(
                f"change compares key states, and this story has {len(clip.anchors)}",
                hint="write more states, or use evolution, which compares the first frame with the last",
            )
        self._anchors, self._shown, self._frames = frozenset(clip.anchors), [], 0

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Keep the colours of a state's frame."""
        if self._frames in self._anchors:
            self._shown.append(_up_to(frame))
        self._frames += 1

    def result(self) -> Mapping[str, float]:
        """The smallest change, and where it is."""
        from itertools import pairwise

        import numpy as np

        changes = [float(np.abs(after - before).sum(axis=1).mean()) / 255 for before, after in pairwise(self._shown)]
        return {"change": min(changes), "change_at": changes.index(min(changes)) + 2.0}


def _up_to(frame: NDArray[np.uint8]) -> Shares:
    """The share of pixels of at most each level, ``(3, 256)``; W1 is the area between two of these curves."""
    import numpy as np

    counts = np.stack([np.bincount(frame[..., channel].ravel(), minlength=256) for channel in range(3)])
    return counts.cumsum(axis=1) / (frame.shape[0] * frame.shape[1])


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``change``."""
    summary = "The smallest change of colours from a key state to the next, 0 to 1, and the state."
    register("change", options=Options, factory=Change, summary=summary)
