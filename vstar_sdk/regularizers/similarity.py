"""How alike the frames of a clip are by their distance in time: the pace of a clip as numbers. No torch."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from vstar_sdk.errors import SpecError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.videos import look_at_video

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_FRAMES = 512
"""Frames of a clip that are compared, from its first."""
_SIDE = 32
"""Pixels of a side of the pictures that are compared: noise and grain are averaged away."""


def similarity_of_video(path: Path, contrast: float) -> tuple[tuple[float, ...], float]:
    """The profile of a video file, see `similarity`, and its frames a second.

    The first `MOST_FRAMES` frames count. A file is read once, until it changes.

    Raises:
        SpecError: it cannot be read, see `vstar_sdk.reading.videos.look_at_video`, or has one frame.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return _of_file.__wrapped__(path, 0, 0, contrast)  # says what is wrong
    return _of_file(path, found.st_mtime_ns, found.st_size, contrast)


@lru_cache(maxsize=16)
def _of_file(path: Path, changed: int, size: int, contrast: float) -> tuple[tuple[float, ...], float]:
    video = look_at_video(path, MOST_FRAMES)
    if video.frames < 2:
        raise SpecError(f"the video {printable(str(path))} has one frame, which has no pace", hint="use a clip of two or more")
    return similarity(video.read(0, video.frames), contrast), video.fps


def similarity(frames: Iterable[NDArray[np.uint8]], contrast: float) -> tuple[float, ...]:
    """How alike frames are on average, by their distance: ``g(d) = mean over i of exp(-contrast (1 - c(i, i + d)))``.

    It is a Gaussian of the distance between two pictures, where TAR has one of their distance in time. ``c`` is the concordance
    correlation (Lin, 1989) of two frames ``x`` and ``y``, all channels of 32x32 pixels in one::

        c = 2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2)

    1 for equal frames; 0 for frames that have nothing to do with each other; less where brightness or range differ. Two flat
    frames have 1 where they are equal, else 0.

    Args:
        frames: ``(height, width, 3)``, RGB.
        contrast: above 0; at 10 two frames that differ by a tenth of their own variation are alike by ``1 / e``.

    Returns:
        As many numbers as there are frames; the first is 1.
    """
    import numpy as np
    from PIL import Image

    def small(frame: NDArray[np.uint8]) -> NDArray[np.float64]:
        return np.asarray(Image.fromarray(frame).resize((_SIDE, _SIDE), Image.Resampling.BOX), float).ravel() / 255

    pictures = np.stack([small(frame) for frame in frames])
    means = pictures.mean(axis=1)
    centred = pictures - means[:, None]
    together = centred @ centred.T / pictures.shape[1]
    own = together.diagonal()
    whole = own[:, None] + own + (means[:, None] - means) ** 2
    alike = np.exp(contrast * (np.divide(2 * together, whole, out=np.ones_like(whole), where=whole > 1e-12) - 1).clip(max=0))
    return tuple(float(alike.diagonal(distance).mean()) for distance in range(len(alike)))
