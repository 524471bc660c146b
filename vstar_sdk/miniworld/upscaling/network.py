"""The network that enlarges pictures of the embedded world."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn

from vstar_sdk.errors import ModelError, out_of_memory

WEIGHTS = Path(__file__).parent / "weights" / "model.safetensors"
"""Made by ``training.upscale``."""


class Block(nn.Module):
    """``x + conv(silu(conv(x)))``; at first nearly ``x``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight)
        nn.init.normal_(self.second.weight, std=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, width, H, W)`` to the same shape."""
        return x + self.second(functional.silu(self.first(x)))


class UpscalerNet(nn.Module):
    """Bilinear enlargement by 2, plus what a residual network adds to it.

    The network works at the size of its input, and gives four colours for every pixel, which become squares of 2x2 pixels (Shi et
    al. 2016, sub-pixel convolution). At first it adds nothing.

    Args:
        width: channels.
        blocks: how many `Block`.
    """

    def __init__(self, width: int = 32, blocks: int = 4) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.leave = nn.Conv2d(width, 12, 3, padding=1)
        nn.init.kaiming_normal_(self.enter.weight)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(self, pictures: Tensor) -> Tensor:
        """``(B, 3, H, W)`` in [-1, 1] to ``(B, 3, 2 H, 2 W)``, not clipped."""
        x = self.enter(pictures)
        for block in self.blocks:
            x = block(x)
        return bilinear(pictures) + functional.pixel_shuffle(self.leave(x), 2)


def bilinear(pictures: Tensor) -> Tensor:
    """``(B, 3, H, W)`` enlarged to ``(B, 3, 2 H, 2 W)``."""
    return functional.interpolate(pictures, scale_factor=2, mode="bilinear", align_corners=False)


class Upscaler:
    """The network with its weights, in float32 on the CPU.

    Args:
        path: safetensors made by ``training.upscale``; the shipped one without it.

    Raises:
        ModelError: the file is missing or damaged.
    """

    def __init__(self, path: Path = WEIGHTS) -> None:
        try:
            opened: Any = safe_open(path, framework="pt")
            with opened as file:
                self.about: dict[str, str] = file.metadata()
                state: dict[str, Tensor] = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
            self._net = UpscalerNet(int(self.about["width"]), int(self.about["blocks"]))
            self._net.load_state_dict(state)
        except Exception as error:  # OSError, KeyError, RuntimeError, SafetensorError and others for a bad file
            if out_of_memory(error):
                raise
            raise ModelError(f"{path}: cannot be loaded: {error}", hint="reinstall the package vstar-sdk") from error
        self._net.eval().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @torch.inference_mode()
    def enlarge(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """One picture, twice as wide and as high.

        A picture at a time, so that none depends on how many there are.

        Args:
            frame: ``(H, W, 3)``, RGB.
        """
        picture = torch.as_tensor(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float() / 127.5 - 1
        large = self._net(picture.contiguous(memory_format=torch.channels_last)).clamp(-1, 1)
        return ((large[0] + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


@cache
def upscaler() -> Upscaler:
    """The shipped upscaler, loaded once."""
    return Upscaler()
