"""Pictures of a clip as JPEG: what it is going to be, and its first frame."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.previews import Preview

_SHORTEST = 128
"""Pixels of the shorter side of a frame, at least: a preview is as small as the latents are."""


def preview_jpeg(preview: Preview, frame: int | None) -> tuple[bytes, int, int]:
    """A preview as JPEG.

    Args:
        preview: of a step.
        frame: which latent frame; None: all of them, row by row.

    Returns:
        The picture, how many frames the clip has, and how many are in a row.

    Raises:
        IndexError: there is no such frame.
    """
    frames = preview.frames()
    scale = max(1, -(-_SHORTEST // min(frames.shape[1:3])))
    if frame is not None:
        if not 0 <= frame < len(frames):
            raise IndexError(frame)
        return _jpeg(frames[frame].repeat(scale, 0).repeat(scale, 1)), len(frames), 1
    columns = math.ceil(math.sqrt(len(frames)))
    return _jpeg(_sheet(frames, columns).repeat(scale, 0).repeat(scale, 1)), len(frames), columns


def first_frame_jpeg(video: Path) -> bytes:
    """The first frame of a video.

    Raises:
        OSError: it is not there.
    """
    import av

    with av.open(str(video)) as opened:
        pixels: Any = next(opened.decode(video=0)).to_ndarray(format="rgb24")
    return _jpeg(pixels)


def _sheet(frames: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    import numpy as np

    count, height, width, _ = frames.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, height, width, 3), np.uint8)
    sheet[:count] = frames
    tiles: NDArray[np.uint8] = sheet.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    return tiles.reshape(rows * height, columns * width, 3)


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(pixels).save(written, format="JPEG", quality=85)
    return written.getvalue()
