"""Frequencies of a clip in time and space, and what a low-pass filter leaves of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def radius(shape: Sequence[int], cutoff: float, temporal_cutoff: float, device: torch.device | str = "cpu") -> Tensor:
    """The distance of every frequency from 0, in units of the cut-offs: ``sqrt((f_t / c_t)^2 + (f_y / c)^2 + (f_x / c)^2)``.

    Args:
        shape: ``(frames, height, width)``.
        cutoff: ``c``, in space; frequencies are in units of the highest, so that 1 is a change with every pixel.
        temporal_cutoff: ``c_t``, in time.
        device: where it is wanted.

    Returns:
        ``(frames, height, width // 2 + 1)``, float32, for `low_pass`.
    """
    import torch

    fft: Any = torch.fft  # has no types
    frames, height, width = shape
    t: Tensor = 2 * fft.fftfreq(frames, device=device) / temporal_cutoff
    y: Tensor = 2 * fft.fftfreq(height, device=device) / cutoff
    x: Tensor = 2 * fft.rfftfreq(width, device=device) / cutoff
    return (t[:, None, None].square() + y[:, None].square() + x.square()).sqrt()


def gaussian(distance: Tensor) -> Tensor:
    """``exp(-r^2 / 2)``: 0.61 at the cut-off.

    Args:
        distance: from `radius`.
    """
    return (distance.square() / -2).exp()


def butterworth(distance: Tensor, order: int) -> Tensor:
    """``1 / (1 + r^(2 n))``: a half at the cut-off, the steeper the higher the order.

    Args:
        distance: from `radius`.
        order: ``n``.
    """
    return 1 / (1 + distance.pow(2 * order))


def low_pass(clip: Tensor, keep: Tensor) -> Tensor:
    """``IFFT3(keep FFT3(clip))``.

    Args:
        clip: ``(..., frames, height, width)``, float32.
        keep: how much of each frequency stays, of the shape that `radius` gives.
    """
    import torch

    fft: Any = torch.fft
    where = (-3, -2, -1)
    return fft.irfftn(keep * fft.rfftn(clip, dim=where), s=clip.shape[-3:], dim=where)
