"""``detail``: how much the picture changes from pixel to pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage


class Detail:
    """``detail = mean |x[y+1] - x[y]| / 255 + mean |x[.., x+1] - x[.., x]| / 255`` over frames, pixels and channels.

    The mean step to the pixel below, and that to the pixel on the right: 0 for one colour, 2 for a chessboard of black and white
    pixels. A blurred clip has less, a noisy one more. It needs frames of 2x2 pixels, and holds none.
    """

    numbers = ("detail",)

    def __init__(self, options: Options) -> None:
        self._sum, self._frames = 0.0, 0

    def begin(self, clip: Footage) -> None:
        """Begin a clip.

        Raises:
            SpecError: its frames are smaller than 2x2 pixels.
        """
        from vstar_sdk.errors import SpecError

        if min(clip.width, clip.height) < 2:
            raise SpecError(
                f"detail cannot be measured on {clip.width}x{clip.height} pixels: it needs 2x2", hint="remove this metric"
            )
        self._sum, self._frames = 0.0, 0

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Add the steps of a frame."""
        import numpy as np

        from vstar_sdk.metrics.pixels import levels, share

        now = levels(frame)
        self._sum += share(np.diff(now, axis=0)) + share(np.diff(now, axis=1))
        self._frames += 1

    def result(self) -> Mapping[str, float]:
        """The mean."""
        return {"detail": self._sum / self._frames}


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``detail``."""
    register("detail", options=Options, factory=Detail, summary="How much the picture changes from pixel to pixel, 0 to 2.")
