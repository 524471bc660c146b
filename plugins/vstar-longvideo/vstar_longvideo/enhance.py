"""Enhance-A-Video: more of what frames have of each other (Luo et al., 2025, arXiv 2502.07508).

Of the attention map ``P`` over ``F`` frames, the mean outside of its diagonal says how much frames have of each other::

    m     = mean_{i != j} P_ij                       over positions and heads, too
    out'  = max(1, (F + w) m) out                    w = 4 (Wan, HunyuanVideo), 3.4 (CogVideoX)

``m`` is ``1 / F`` where all frames weigh the same, so that ``w / F`` is the share by which an even attention is raised; none is
lowered. The paper's ``m`` is of the whole call; here it is of each video in it, so that the branches of guidance make the same
picture in one call and in two. The map is the one that the video is made with: what other regularizers do to it counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from vstar_longvideo.levels import LevelOptions
from vstar_sdk import Site, Wrap

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk import Call, CallNext

CHUNK = 2**22
"""Numbers of the map that are in memory at once."""


class EnhanceOptions(LevelOptions):
    """Options of `Enhance`; the default is the paper's for Wan and HunyuanVideo."""

    weight: float = Field(default=4.0, ge=0)
    """How much is added: an even attention over F frames is raised by `weight / F` of itself."""


class Enhance:
    """Raises the output of temporal attention by how much frames have of each other.

    Args:
        options: the validated options.
    """

    def __init__(self, options: EnhanceOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> list[Wrap]:
        """One `Wrap` at the chosen levels; none in a clip of one frame."""
        if not self.options.chosen(site) or site.frames < 2:
            return []
        weight = self.options.weight

        def attend(
            call_next: CallNext, query: Tensor, key: Tensor, value: Tensor, q_frames: Tensor, k_frames: Tensor, call: Call
        ) -> Tensor:
            out = call_next(query, key, value, q_frames, k_frames)
            frames = query.shape[2]
            own = _diagonals(call_next, query, key, value, q_frames, k_frames)
            own = own.reshape(len(call.branches), -1).mean(dim=1)
            others = (frames - own) / (frames * (frames - 1))  # every row sums to 1
            gain = ((frames + weight) * others).clamp(min=1).repeat_interleave(len(query) // len(own))
            return (out * gain[:, None, None, None]).to(out.dtype)

        return [Wrap(attend)]


def _diagonals(call_next: CallNext, query: Tensor, key: Tensor, value: Tensor, q_frames: Tensor, k_frames: Tensor) -> Tensor:
    """The sum of the diagonal of every map: attention to values that are a matrix of ones in the diagonal is the map itself.

    Returns:
        ``(batch, heads)``, float32.
    """
    import torch

    batch, heads, frames, _ = query.shape
    eye = torch.eye(frames, dtype=value.dtype, device=value.device).expand(batch, heads, -1, -1)
    size = max(1, CHUNK // (heads * frames * frames))
    found = query.new_empty((batch, heads), dtype=torch.float32)
    for start in range(0, batch, size):
        rows = slice(start, start + size)
        maps = call_next(query[rows], key[rows], eye[rows], q_frames, k_frames)
        found[rows] = maps.diagonal(dim1=2, dim2=3).float().sum(dim=2)
    return found
