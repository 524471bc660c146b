"""Where a method acts: an option that most of them have."""

from __future__ import annotations

from pydantic import Field

from vstar_sdk import RegularizerOptions, Site
from vstar_sdk.options import Level


class LevelOptions(RegularizerOptions):
    """Options of a regularizer that acts at all levels unless they are named."""

    levels: list[Level] | None = Field(default=None, min_length=1)
    """Levels to act at, 0 being the highest resolution; default: all. The transformer before the first block is
    never touched."""

    def chosen(self, site: Site) -> bool:
        """Whether a site is one to act at."""
        return site.block != "init" and (self.levels is None or site.level in self.levels)
