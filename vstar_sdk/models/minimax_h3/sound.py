"""The sound that MiniMax-H3 makes beside its video: a run denoises it too, for the video attends to it, and does not keep it."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import torch
from torch import Tensor

from vstar_sdk.models.minimax_h3.sequence import CHANNELS

RATE, FPS = 40, 24
"""Latents of a channel in a second, and frames."""


def sound_latents(frames: int) -> int:
    """Latents of a channel for a clip of so many frames."""
    return round(frames / FPS * RATE)


def first_sound(latents: Tensor, count: int, channels: int) -> Tensor:
    """The noise that a sound begins with, ``(2 * count, channels)``: drawn by a seed that the video's own noise gives.

    Args:
        latents: of the video.
        count: latents of a channel of the sound.
        channels: of such a latent.
    """
    seed = zlib.crc32(latents.detach().float().cpu().contiguous().numpy().tobytes())
    return torch.randn(CHANNELS * count, channels, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)


def level_beside(level: float, shifts: tuple[float, float]) -> float:
    """The noise level of the sound where the video has another one: both schedules are shifts of the same even one.

    A shift ``s`` makes ``s b / (1 + (s - 1) b)`` of an even level ``b``.

    Args:
        level: of the video, from 0 to 1.
        shifts: of video and sound.
    """
    video, sound = shifts
    even = level / (video - (video - 1.0) * level)
    return sound * even / (1.0 + (sound - 1.0) * even)


class Sound:
    """The sound of one run, which follows the video from level to level by Euler steps."""

    def __init__(self) -> None:
        self._rows: Tensor | None = None
        self._towards: Tensor | None = None
        self._level = 0.0

    def at(self, level: float, fresh: Callable[[], Tensor]) -> Tensor:
        """The latents at a noise level; where it is higher than the last one, a schedule has begun again.

        Args:
            level: from 0 to 1.
            fresh: draws noise.
        """
        rows = self._rows
        if rows is None or level > self._level:
            rows = fresh()
        elif self._towards is not None and level < self._level:
            rows = rows + (self._level - level) * self._towards
        self._rows, self._level = rows, level
        return rows

    def goes(self, towards: Tensor) -> None:
        """Where it goes from here: the network's prediction, towards what is clean."""
        self._towards = towards
