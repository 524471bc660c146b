"""``miniworld-pan`` among the metrics: how the camera moves, where the prompt says that it pans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.watched import at_its_size, story_of
from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage

_MOST = 8
"""Pixels of the largest shift that is looked for."""


class Panned:
    """How the camera moves.

    The shift between neighbouring frames is the whole number of pixels, at 64 pixels a side and at most 8, of the best normalised
    correlation of their means over channels, rows' means removed. ``pan_speed`` is the median shift, in pixels a frame, positive
    to the side that the prompt says; ``pan_steady`` the share of pairs at that shift; ``pan_side`` 1 where the median goes to
    the right side, else 0. It needs 3 frames, squares of 64 pixels or a multiple, and a prompt of the embedded world in which the
    camera pans. It holds one frame, and a number for each.
    """

    numbers = ("pan_speed", "pan_steady", "pan_side")

    def __init__(self, options: Options) -> None:
        self._before: NDArray[np.float32] | None = None
        self._shifts: list[int] = []
        self._sign = 1

    def begin(self, clip: Footage) -> None:
        """Begin a clip.

        Raises:
            SpecError: it is too short, of another size, or the camera of its prompt does not pan.
        """
        reading = story_of(clip)
        if reading.camera == "still":
            raise SpecError(
                f"in {clip.prompt.strip()!r} the camera does not pan", hint="add 'the camera pans right', or remove it"
            )
        self._sign = -1 if reading.camera == "left" else 1
        self._before, self._shifts = None, []

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Find the shift from the frame before."""
        import numpy as np

        grey = at_its_size(frame).astype(np.float32).mean(-1)
        grey -= grey.mean(1, keepdims=True)
        if self._before is not None:
            self._shifts.append(best_shift(self._before, grey))
        self._before = grey

    def result(self) -> Mapping[str, float]:
        """Speed, steadiness and side."""
        import numpy as np

        shifts = self._sign * np.array(self._shifts)
        speed = float(np.median(shifts))
        steady = float((shifts == round(speed)).mean())
        return {"pan_speed": speed, "pan_steady": steady, "pan_side": float(speed > 0)}


def best_shift(before: NDArray[np.float32], after: NDArray[np.float32], most: int = _MOST) -> int:
    """By how many pixels the picture moves to the left; the camera then moves to the right.

    Args:
        before: ``(height, width)``, rows' means removed.
        after: likewise.
        most: the largest shift to either side.
    """
    import numpy as np

    scores: dict[int, float] = {}
    for shift in range(-most, most + 1):
        width = before.shape[1] - abs(shift)
        one = before[:, max(shift, 0) :][:, :width]
        other = after[:, max(-shift, 0) :][:, :width]
        scores[shift] = float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum() + 1e-6))
    return max(scores, key=scores.__getitem__)


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``miniworld-pan``."""
    summary = "Where the prompt's camera pans: its speed in pixels a frame, its steadiness and its side."
    register("miniworld-pan", options=Options, factory=Panned, summary=summary)
