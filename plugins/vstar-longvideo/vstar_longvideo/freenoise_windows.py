"""FreeNoise: attention in overlapping windows (Qiu et al., ICLR 2024, arXiv 2310.15169).

Frames attend inside windows of ``W`` frames, one every ``S``, as long as the clips of the training. A frame is in several of
them, and its output is their mean, weighted by how near it is to the middle of each::

    out_i = sum_w t_{i - w} attention_w(Q, K, V)_i / sum_w t_{i - w}        w = 0, S, 2 S, ..., F - W
    t_n   = (W + 1) / 2 - |n - (W - 1) / 2|                                 0 <= n < W: 1, 2, ... to the middle and back

The noise that belongs to it is in `vstar_longvideo.freenoise`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from vstar_longvideo.levels import LevelOptions, positions_of
from vstar_longvideo.refusals import refuse_another, refuse_maps
from vstar_sdk import Regularizer, Site, Wrap

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk import Call, CallNext


class WindowsOptions(LevelOptions):
    """Options of `Windows`; the defaults are the paper's."""

    size: int = Field(default=16, ge=1)
    """Frames of a window, as temporal attention sees them: those of the training."""
    stride: int = Field(default=4, ge=1)
    """Frames from one window to the next; the last one ends with the clip."""

    @model_validator(mode="after")
    def _fits(self) -> WindowsOptions:
        if self.stride > self.size:
            raise ValueError(f"stride {self.stride}: with windows of {self.size} frames, some frames would be in none")
        return self


class Windows:
    """Attention in overlapping windows, in clips that are longer than one.

    Args:
        options: the validated options.
    """

    def __init__(self, options: WindowsOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> list[Wrap]:
        """One `Wrap` at the chosen levels; none where one window holds the clip."""
        size = self.options.size
        if not self.options.chosen(site) or site.frames <= size:
            return []
        last = site.frames - size
        starts = [*range(0, last, self.options.stride), last]

        def attend(
            call_next: CallNext, query: Tensor, key: Tensor, value: Tensor, q_frames: Tensor, k_frames: Tensor, call: Call
        ) -> Tensor:
            import torch

            each = positions_of(site, call)
            weights = (size + 1) / 2 - (torch.arange(size, device=value.device) - (size - 1) / 2).abs()
            weights = weights.repeat_interleave(each)[:, None]
            total = torch.zeros(site.frames * each, 1, device=value.device)
            out = torch.zeros(value.shape, device=value.device)
            for start in starts:
                part = slice(start * each, (start + size) * each)
                inside = call_next(query[:, :, part], key[:, :, part], value[:, :, part], q_frames[part], k_frames[part])
                out[:, :, part] += weights * inside
                total[part] += weights
            return (out / total).to(value.dtype)

        return [Wrap(attend)]

    def beside(self, site: Site, before: Sequence[Regularizer], after: Sequence[Regularizer]) -> None:
        """See `vstar_sdk.ParticularRegularizer`: no map over all frames."""
        others = (*before, *after)
        refuse_maps("freenoise", site, others)
        refuse_another("freenoise", self.options, others)
