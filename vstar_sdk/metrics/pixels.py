"""Frames as numbers: what the metrics of pictures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vstar_sdk.errors import SpecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage


def levels(frame: NDArray[np.uint8]) -> NDArray[np.int16]:
    """A copy of a frame whose levels, 0 to 255, can be subtracted."""
    return frame.astype(np.int16)


def share(difference: NDArray[np.integer[Any]]) -> float:
    """The mean size of differences of levels, as a share of the whole range: 0 to 1."""
    return float(np.abs(difference).mean()) / 255.0


def at_least(frames: int, clip: Footage, what: str) -> None:
    """Refuse a clip that is too short.

    Args:
        frames: that are needed.
        clip: to be measured.
        what: is measured.

    Raises:
        SpecError: it has fewer frames.
    """
    if clip.frames < frames:
        raise SpecError(
            f"{what} cannot be measured on {clip.frames} {'frame' if clip.frames == 1 else 'frames'}: it needs {frames}",
            hint="measure a longer clip, or remove this metric",
        )
