"""The size of pictures in a file: small clips enlarged by a whole factor, odd sides made even."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Scale = Literal["auto"] | Annotated[int, Field(ge=1, le=32)]
"""A whole factor, or ``auto``: the smallest that makes the shorter side at least 256 pixels."""

COMFORTABLE = 256
"""Pixels of the shorter side below which ``auto`` enlarges: players blur what is smaller."""


def factor(scale: int | Literal["auto"], width: int, height: int) -> int:
    """The factor by which a clip of this size, in pixels, is enlarged; 1 leaves it as it is."""
    return -(-COMFORTABLE // min(width, height)) if scale == "auto" else scale


def enlarge(frame: NDArray[np.uint8], times: int) -> NDArray[np.uint8]:
    """Enlarge a frame by a whole factor with a Lanczos filter.

    Args:
        frame: ``(height, width, 3)``, RGB.
        times: the factor.

    Returns:
        ``(height * times, width * times, 3)``; the same array when ``times`` is 1.
    """
    if times == 1:
        return frame
    import numpy as np
    from PIL import Image

    height, width, _ = frame.shape
    return np.asarray(Image.fromarray(frame).resize((width * times, height * times), Image.Resampling.LANCZOS))


def even(side: int) -> int:
    """The side, in pixels, or one more when it is odd."""
    return side + side % 2


def pad_even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat the last row and the last column of a frame ``(height, width, 3)`` where a side is odd."""
    import numpy as np

    height, width, _ = frame.shape
    if height % 2 == width % 2 == 0:
        return frame
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
