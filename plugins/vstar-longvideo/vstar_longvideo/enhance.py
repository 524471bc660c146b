"""Enhance-A-Video: more of what frames have of each other (Luo et al., 2025, arXiv 2502.07508).

Of the model's own attention map ``P = softmax(Q K^T / sqrt(d))`` over ``F`` frames, the mean outside of its diagonal says how
much frames have of each other::

    m     = mean_{i != j} P_ij                       over positions and heads, too
    out'  = max(1, (F + w) m) out                    w = 4 (Wan, HunyuanVideo), 3.4 (CogVideoX)

``m`` is ``1 / F`` where all frames weigh the same, so that ``w / F`` is the share by which an even attention is raised; none is
lowered. The paper's ``m`` is of the whole call; here it is of each video in it, so that the branches of guidance make the same
picture in one call and in two. Where all tokens of a clip attend to each other, ``P`` is made of the queries and keys of each
position's frames, and the output of the whole attention is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from vstar_longvideo.freelong import FreeLongOptions
from vstar_longvideo.levels import LevelOptions, positions_of
from vstar_sdk import Regularizer, Site, SpecError, Wrap

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
            q, k = query, key
            if site.kind == "joint":  # the frames of each position by themselves, as the paper takes them out of such attention
                each = positions_of(site, call)
                videos, heads, _, dim = query.shape
                q, k = (x.reshape(videos, heads, -1, each, dim).movedim(3, 1).flatten(0, 1) for x in (query, key))
            frames = q.shape[2]
            own = _diagonals(q, k).reshape(len(call.branches), -1).mean(dim=1)
            others = (frames - own) / (frames * (frames - 1))  # every row of a map sums to 1
            gain = ((frames + weight) * others).clamp(min=1).repeat_interleave(len(query) // len(own))
            out = call_next(query, key, value, q_frames, k_frames)
            return (out * gain[:, None, None, None]).to(out.dtype)

        return [Wrap(attend)]

    def beside(self, site: Site, before: Sequence[Regularizer], after: Sequence[Regularizer]) -> None:
        """See `vstar_sdk.ParticularRegularizer`: it is not inside of FreeLong."""
        for other in before:
            if isinstance(other.options, FreeLongOptions):
                raise SpecError(
                    "enhance: inside freelong it would get single frames, not the map over all frames",
                    hint="write longvideo/enhance before longvideo/freelong",
                )


def _diagonals(query: Tensor, key: Tensor) -> Tensor:
    """The sum of the diagonal of every map, in bounded memory: ``sum_i exp(A_ii - log sum_j exp(A_ij))``.

    Returns:
        ``(batch, heads)``, float32.
    """
    batch, heads, frames, head_dim = query.shape
    size = max(1, CHUNK // (heads * frames * frames))
    found = query.new_empty((batch, heads)).float()
    for start in range(0, batch, size):
        rows = slice(start, start + size)
        logits = query[rows].float() @ key[rows].float().mT * head_dim**-0.5
        found[rows] = (logits.diagonal(dim1=2, dim2=3) - logits.logsumexp(dim=3)).exp().sum(dim=2)
    return found
