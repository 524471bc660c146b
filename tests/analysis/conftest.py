"""What the tests of analysis share: maps by hand, from the queries and keys of the network as it is, and small clips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode


class ByHand(TorchFunctionMode):
    """Takes the queries and keys that reach fused attention inside the sites of a network that nothing nurses."""

    def __init__(self, denoiser: Any, names: list[str]) -> None:
        super().__init__()
        self.maps: dict[str, torch.Tensor] = {}
        self._here: str | None = None
        self._hooks = []
        for name in names:
            module = denoiser.get_submodule(name)
            self._hooks += [
                module.register_forward_pre_hook(lambda *_, name=name: setattr(self, "_here", name)),
                module.register_forward_hook(lambda *_: setattr(self, "_here", None)),
            ]

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is scaled_dot_product_attention and self._here is not None:
            self.maps[self._here] = self._map(*args[:2])
        return func(*args, **(kwargs or {}))

    frames = 0

    def _map(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """``(heads, frames, frames)``: every softmax written out, keys of a frame summed, queries of a frame averaged."""
        q, k = query.double(), key.double()
        dense = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, dim=-1)
        batch, heads, tokens, _ = dense.shape
        cut = (batch, heads, self.frames, tokens // self.frames, self.frames, tokens // self.frames)
        return dense.reshape(cut).sum(5).mean((0, 3)).float()

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()


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
