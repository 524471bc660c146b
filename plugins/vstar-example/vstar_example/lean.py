"""``example/lean``, a regularizer: the further a frame, the less it weighs, in a straight line (as ALiBi does for text)."""

from __future__ import annotations

from pydantic import Field

from vstar_sdk import Bias, Register, RegularizerOptions, Site, hookimpl
from vstar_sdk.options import Level


class LeanOptions(RegularizerOptions):
    """The options next to ``use: example/lean`` in a spec. ``window``, when it acts, comes from the base."""

    slope: float = Field(default=0.1, ge=0)
    """Logits lost with each frame of distance; 0 is the plain model."""
    levels: list[Level] | None = Field(default=None, min_length=1)
    """Levels to act at, 0 being the highest resolution; default: all."""


class Lean:
    """Adds ``-slope |i - j|`` to the logits.

    Args:
        options: the validated options.
    """

    def __init__(self, options: LeanOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> list[Bias]:
        """One `Bias` at the chosen levels; the attention before the first block is left alone."""
        if site.block == "init" or (self.options.levels is not None and site.level not in self.options.levels):
            return []
        return [Bias(lambda distance: -self.options.slope * distance.abs())]


@hookimpl
def register_regularizers(register: Register) -> None:
    """Offer ``example/lean``."""
    register("lean", options=LeanOptions, factory=Lean, summary="Far frames weigh less, linearly in their distance.")
