"""A transform: the clip fades in and out, over half a second or a quarter of it, whichever is less.

It acts in runs that list the plugin (``plugins: [example]`` or ``-p example``), and in no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vstar_sdk import Clip, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@hookimpl
def transform_frames(frames: Iterator[NDArray[np.uint8]], clip: Clip) -> Iterator[NDArray[np.uint8]]:
    """Frame by frame, so that a long clip is never in memory whole."""
    length = max(1, min(round(clip.fps / 2), clip.frames // 4))
    for index, frame in enumerate(frames):
        light = min(1.0, index / length, (clip.frames - 1 - index) / length)
        yield frame if light == 1.0 else (frame * light).astype(frame.dtype)
