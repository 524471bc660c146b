"""Speed: how far frames lie apart in time, on models with rotary positions (ours; below 1 it is position interpolation).

Such a model knows from the turn of its channels how far two frames lie apart. All its temporal angles are multiplied::

    angle_k(t) = factor * t * theta_k                 t: latent frame, theta_k: the model's temporal frequencies

Frames that are told to lie twice as far apart differ more: faster motion, in theory. Below 1 this is position interpolation
(Chen et al., 2023, arXiv 2306.15595, for language models): a clip of F latent frames at a factor of N / F spans the positions
that the model saw in training on N. What it does to a model's motion is measured in docs/findings.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from vstar_sdk import RegularizerOptions, Rotary, Site, SpecError

if TYPE_CHECKING:
    from torch import Tensor


class SpeedOptions(RegularizerOptions):
    """Options of `Speed`."""

    factor: float = Field(gt=0, le=8, examples=[0.5, 2])
    """How far neighbouring frames lie apart: 2 for twice as far, 0.5 for half; 1 changes nothing."""


class Speed:
    """Multiplies the temporal positions of a model with rotary positions.

    Args:
        options: the validated options.
    """

    def __init__(self, options: SpeedOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> list[Rotary]:
        """One `Rotary` at sites with rotary positions.

        Raises:
            SpecError: the model has no such positions.
        """
        factor = self.options.factor
        if site.rotary is None:
            if site.kind == "cross":
                return []
            raise SpecError(
                f"speed: {site.name} has no rotary positions over frames that the model describes",
                hint="remove it: it is for models that describe their rotary positions",
            )

        def turned(positions: Tensor, frequencies: Tensor) -> Tensor:
            return factor * positions[:, None] * frequencies

        return [Rotary(turned)]
