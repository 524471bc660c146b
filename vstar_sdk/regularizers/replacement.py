"""Options of the regularizers that put a fixed map in the place of the attention's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from vstar_sdk.options import Level, RegularizerOptions

if TYPE_CHECKING:
    from vstar_sdk.attention.sites import Site


class ReplacementOptions(RegularizerOptions):
    """Where, and how much, of the attention is replaced."""

    levels: list[Level] | None = Field(default=None, min_length=1)
    """Levels to act at; default: all. The transformer before the first block is never touched."""
    weight: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of the fixed map; 1 replaces the attention's own."""

    def touches(self, site: Site) -> bool:
        """Whether a site is at one of the levels."""
        return site.block != "init" and (self.levels is None or site.level in self.levels)
