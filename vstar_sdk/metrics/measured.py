"""A metric of frames that are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstar_sdk.footage import Footage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.metrics.contract import Metric


def measured(metric: Metric, frames: NDArray[np.uint8], prompt: str = "") -> dict[str, float]:
    """The numbers of a clip.

    Args:
        metric: begun here.
        frames: ``(F, height, width, 3)``, RGB.
        prompt: the story, for metrics that compare with it.

    Raises:
        SpecError: it cannot measure such a clip.
    """
    import numpy as np

    count, height, width, _ = frames.shape
    metric.begin(Footage(frames=count, width=width, height=height, fps=8.0, prompt=prompt))
    for frame in frames:
        metric.add(np.ascontiguousarray(frame))
    return dict(metric.result())
