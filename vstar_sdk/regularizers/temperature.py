"""``temperature``: attention over more frames than a model was trained with, as sharp as over those that it was.

The entropy of attention grows with the logarithm of the number of frames. Queries times ``sqrt(log F / log F_trained)`` keep it
about where it was in training (Jin et al., NeurIPS 2023, for tokens of a picture; FreePCA, CVPR 2025, for frames).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from vstar_sdk.attention.operations import Scale
from vstar_sdk.errors import SpecError
from vstar_sdk.options import Level, RegularizerOptions
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    from vstar_sdk.attention.sites import Site


class TemperatureOptions(RegularizerOptions):
    """Options of `Temperature`."""

    trained_frames: int = Field(default=16, ge=2)
    """Frames of the clips that the model was trained with, as its temporal attention saw them."""
    scale: float | None = Field(default=None, gt=0.0)
    """Factor of the queries, in the place of what `trained_frames` gives for a clip of F frames, which is
    `sqrt(log F / log trained_frames)`. Above 1 is sharper."""

    levels: list[Level] | None = Field(default=None, min_length=1)
    """Levels to act at; default: all. The transformer before the first block is never touched."""


class Temperature:
    """Multiplies the queries, so that the logits are sharper in clips longer than those of the training."""

    def __init__(self, options: TemperatureOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> tuple[Scale, ...]:
        """One `Scale`, at the chosen levels; none where the clip is as long as those of the training."""
        options = self.options
        if site.block == "init" or (options.levels is not None and site.level not in options.levels):
            return ()
        if site.kind == "joint" and options.scale is None:
            raise SpecError(
                "temperature: its formula is for attention over frames, but this model attends over all tokens of a clip",
                hint="set scale yourself: sqrt(log(tokens) / log(tokens in training))",
                path=("scale",),
            )
        scale = math.sqrt(math.log(site.frames) / math.log(options.trained_frames)) if options.scale is None else options.scale
        return (Scale(q=scale),) if scale not in (0.0, 1.0) else ()


@hookimpl
def register_regularizers(register: Register) -> None:
    """Offer ``temperature``."""
    register(
        "temperature",
        options=TemperatureOptions,
        factory=Temperature,
        summary="Keeps attention in a long clip as sharp as in training.",
    )
