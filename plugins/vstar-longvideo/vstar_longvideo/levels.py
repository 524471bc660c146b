"""Where a method acts: an option that most of them have, and how many positions of a frame stand beside each other there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from vstar_sdk import RegularizerOptions, Site
from vstar_sdk.options import Level

if TYPE_CHECKING:
    from vstar_sdk import Call


class LevelOptions(RegularizerOptions):
    """Options of a regularizer that acts at all levels unless they are named."""

    levels: list[Level] | None = Field(default=None, min_length=1)
    """Levels to act at, 0 being the highest resolution; default: all. The transformer before the first block is
    never touched."""

    def chosen(self, site: Site) -> bool:
        """Whether a site is one to act at."""
        return site.block != "init" and (self.levels is None or site.level in self.levels)


def positions_of(site: Site, call: Call) -> int:
    """Tokens of a frame: all its positions where all tokens of a clip attend to each other, else one."""
    return call.height * call.width if site.kind == "joint" else 1
