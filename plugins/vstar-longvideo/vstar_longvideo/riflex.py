"""RIFLEx: a rotary frequency that does not come round within the clip (Zhao et al., ICML 2025, arXiv 2502.15894).

A model with rotary positions turns pairs of channels by ``frame * theta_k``. Beyond the length of its training one of these
frequencies, the intrinsic one, comes round and makes the clip repeat itself. It is slowed down to less than one turn::

    theta_k = 0.9 * 2 pi / F                 k, from 1: 2 for CogVideoX-5B, 4 for HunyuanVideo, 6 for Wan; F: frames of the clip

All others stay. ``F`` counts latent frames.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from vstar_sdk import RegularizerOptions, Rotary, Site, SpecError

if TYPE_CHECKING:
    from torch import Tensor


class RiflexOptions(RegularizerOptions):
    """Options of `Riflex`."""

    frequency: int = Field(ge=1, examples=[6])
    """Number of the intrinsic frequency, from 1, the fastest: 2 for CogVideoX-5B, 4 for HunyuanVideo, 6 for Wan."""
    turn: float = Field(default=0.9, gt=0, lt=1)
    """How much of a turn it takes over the clip."""


class Riflex:
    """Slows one temporal frequency of a model with rotary positions.

    Args:
        options: the validated options.
    """

    def __init__(self, options: RiflexOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> list[Rotary]:
        """One `Rotary` at sites with rotary positions.

        Raises:
            SpecError: the model has no such positions or no such frequency, or the clip is too short for it to come round.
        """
        number = self.options.frequency
        if site.rotary is None:
            if site.kind == "cross":
                return []
            raise SpecError(
                f"riflex: {site.name} has no rotary positions over frames that the model describes",
                hint="remove it: it is for models that describe their rotary positions",
            )
        own, slow = site.rotary.frequencies, self.options.turn * 2 * math.pi / site.frames
        if number > len(own):
            raise SpecError(
                f"riflex: {site.name} has {len(own)} temporal frequencies, and no number {number}",
                hint="2 for CogVideoX-5B, 4 for HunyuanVideo, 6 for Wan",
                path=("frequency",),
            )
        if own[number - 1] <= slow:
            raise SpecError(
                f"riflex: in {site.frames} latent frames, frequency {number} takes less than {self.options.turn:g} turns already",
                hint="the clip is too short to repeat: remove riflex, or make more frames",
                path=("frequency",),
            )

        def turned(positions: Tensor, frequencies: Tensor) -> Tensor:
            slowed = frequencies.clone()
            slowed[number - 1] = slow
            return positions[:, None] * slowed

        return [Rotary(turned)]
