"""Numbers of one clip, from its frames: those of the package's metrics, in levels of 255."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vstar_sdk import Options
from vstar_sdk.metrics.detail import Detail
from vstar_sdk.metrics.evolution import Evolution
from vstar_sdk.metrics.flicker import Flicker
from vstar_sdk.metrics.measured import measured
from vstar_sdk.miniworld.panned import Panned

Frames = NDArray[np.uint8]


def picture_numbers(frames: Frames) -> dict[str, float]:
    """Of 255: ``evolution``, the mean |last - first|; ``flicker``, the mean second difference; ``detail``, the mean gradient."""
    options = Options()
    return {
        "evolution": 255 * measured(Evolution(options), frames)["evolution"],
        "flicker": 510 * measured(Flicker(options), frames)["flicker"],
        "detail": 255 * measured(Detail(options), frames)["detail"],
    }


def pan_numbers(frames: Frames, camera: str) -> dict[str, float]:
    """How a camera moves.

    Returns:
        ``speed``, the median shift in pixels a frame, positive to the asked side; ``steady``, the share of pairs of frames at
        that shift; ``right``, 1 where the median goes to the asked side.
    """
    numbers = measured(Panned(Options()), frames, f"a landscape in summer, the camera pans {camera}")
    return {"speed": numbers["pan_speed"], "steady": numbers["pan_steady"], "right": numbers["pan_side"]}
