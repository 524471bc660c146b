"""FreeLong: slow changes from all frames, fast ones from near frames (Lu et al., NeurIPS 2024, arXiv 2407.19918).

Attention over more frames than a model was trained with blurs what is fine in space and time; attention to near frames alone
loses the whole. Their outputs are blended by frequency, over the frames, rows and columns of the site::

    out = IFFT3(L FFT3(Z_global) + (1 - L) FFT3(Z_local))        Z_local: attention with |i - j| <= 8, half of the training's 16
    L   = exp(-r^2 / 2),  r = sqrt(f_t^2 + f_y^2 + f_x^2) / 0.25, each f from 0 to 1, the highest frequency

FreeLong++ (arXiv 2507.00162) has several local attentions in windows of ``1, 2, 4`` times the training's frames, each with
a band of its own: the longer the window, the lower its band. The one after a window of ``a`` times the training's ends at
``0.25 / a``, which is FreeLong's where ``a`` is 1 (the other cut-offs are ours), and attention to all frames has what is left::

    out = Z_1 + sum_k IFFT3(L_k FFT3(Z_{k+1} - Z_k))             L_k: with the cut-off 0.25 / a_k;  Z_{K+1} = Z_global
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator

from vstar_longvideo.freenoise_windows import WindowsOptions
from vstar_longvideo.levels import LevelOptions, positions_of
from vstar_longvideo.refusals import APART, refuse_another, refuse_maps, refuse_windows
from vstar_longvideo.spectrum import gaussian, low_pass, radius
from vstar_sdk import Regularizer, Site, SpecError, Wrap
from vstar_sdk.options import Window

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk import Call, CallNext

Scale = Annotated[float, Field(gt=0, le=64)]


class FreeLongOptions(LevelOptions):
    """Options of `FreeLong`; the defaults are the paper's."""

    trained_frames: int = Field(default=16, ge=2)
    """Frames of the clips that the model was trained with, as its temporal attention saw them."""
    windows: tuple[Scale, ...] = Field(default=(1.0,), min_length=1, max_length=8)
    """Windows of the local attentions, from the shortest on, as multiples of the training's frames: a frame sees half a window on
    either side. `[1]` is FreeLong, `[1, 2, 4]` FreeLong++. Those that hold the whole clip are left out."""
    cutoff: float = Field(default=0.25, gt=0, le=1)
    """Where the low frequencies of space and time end; 1 is a change with every position or frame."""
    window: Window = (0.0, 0.5)
    """Start and end, as fractions of the schedule: of S steps, step i is inside when round(start S) <= i < round(end S)."""

    @field_validator("windows")
    @classmethod
    def _longer_and_longer(cls, windows: tuple[float, ...]) -> tuple[float, ...]:
        if any(later <= earlier for earlier, later in pairwise(windows)):
            raise ValueError("windows: write them from the shortest to the longest")
        return windows


class FreeLong:
    """Blends local attentions with the one over all frames, by frequency.

    Args:
        options: the validated options.
    """

    def __init__(self, options: FreeLongOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> list[Wrap]:
        """One `Wrap` at the chosen levels; none where a frame sees the whole clip from the shortest window."""
        options, half = self.options, self.options.trained_frames / 2
        reach = [(int(scale * half), options.cutoff / scale) for scale in options.windows if int(scale * half) < site.frames - 1]
        if not options.chosen(site) or not reach:
            return []

        def attend(
            call_next: CallNext, query: Tensor, key: Tensor, value: Tensor, q_frames: Tensor, k_frames: Tensor, call: Call
        ) -> Tensor:
            height, width, each = call.height, call.width, positions_of(site, call)
            joint = site.kind == "joint"

            def clip(attended: Tensor) -> Tensor:
                """From what the attention gives to ``(videos, heads, channels, frames, height, width)``."""
                batch, heads, tokens, channels = attended.shape
                if joint:  # (videos, heads, frames * height * width, channels)
                    return attended.float().reshape(batch, heads, -1, height, width, channels).movedim(-1, 2)
                # (videos * height * width, heads, frames, channels)
                return attended.float().reshape(-1, height, width, heads, tokens, channels).permute(0, 3, 5, 4, 1, 2)

            local = [clip(_local(call_next, query, key, value, q_frames, k_frames, near, each)) for near, _ in reach]
            slower = [*local[1:], clip(call_next(query, key, value, q_frames, k_frames))]
            out = local[0]
            for (_, cutoff), here, beyond in zip(reach, local, slower, strict=True):
                out = out + low_pass(beyond - here, gaussian(radius(out.shape[-3:], cutoff, cutoff, out.device)))
            out = out.movedim(2, -1).flatten(2, 4) if joint else out.permute(0, 4, 5, 1, 3, 2).flatten(0, 2)
            return out.to(value.dtype)

        return [Wrap(attend)]

    def beside(self, site: Site, before: Sequence[Regularizer], after: Sequence[Regularizer]) -> None:
        """See `vstar_sdk.ParticularRegularizer`: no windows around or inside of it, and no map over all frames."""
        others = (*before, *after)
        refuse_maps("freelong", site, others)
        refuse_another("freelong", self.options, others)
        refuse_windows("freelong", "that its slow changes come from", others)
        if any(isinstance(other.options, WindowsOptions) for other in others):
            raise SpecError("freelong: inside the windows of freenoise no attention covers all frames", hint=APART)


def _local(
    call_next: CallNext, query: Tensor, key: Tensor, value: Tensor, q_frames: Tensor, k_frames: Tensor, near: int, each: int
) -> Tensor:
    """Attention of every frame, of so many tokens each, to those at most ``near`` frames away."""
    import torch

    out: list[Tensor] = []
    for frame in range(query.shape[2] // each):
        one = slice(frame * each, (frame + 1) * each)
        there = slice(max(0, frame - near) * each, (frame + near + 1) * each)
        out.append(call_next(query[:, :, one], key[:, :, there], value[:, :, there], q_frames[one], k_frames[there]))
    return torch.cat(out, dim=2)
