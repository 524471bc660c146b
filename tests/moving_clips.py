"""Small clips that move."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest


def write_clip(path: Path, frames: np.ndarray, fps: int = 8) -> Path:
    """Write frames ``(n, height, width, 3)`` as a video without loss."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264rgb", rate=fps, options={"qp": "0", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "rgb24"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def moving(frames: int, speed: int, side: int = 64) -> np.ndarray:
    """A texture of coarse and fine blobs that moves to the left by so many pixels a frame."""
    random = np.random.default_rng(7)
    wide = random.random((side // 4, 4 * side, 3)).repeat(4, axis=0).repeat(4, axis=1)
    picture = (255 * wide).astype(np.uint8)
    return np.stack([picture[:, n * speed : n * speed + side] for n in range(frames)])


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, int], Path]:
    """A clip of so many frames and so much speed."""
    folder = tmp_path_factory.mktemp("clips")

    def write(frames: int, speed: int) -> Path:
        path = folder / f"{frames}-at-{speed}.mp4"
        return path if path.exists() else write_clip(path, moving(frames, speed))

    return write
