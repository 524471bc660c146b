"""What is run: stories of every family, and the ways of nursing that are compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vstar_sdk.miniworld.writer import Reading, read
from vstar_sdk.scoring.stories import PANS, STORIES, Story, Telling


def tar(sigma: int, stat: str = "max") -> list[dict[str, Any]]:
    """TAR with one sigma at both levels, during the paper's part of the schedule."""
    return [{"use": "tar", "sigma": {0: sigma, 1: sigma}, "stat": stat}]


@dataclass(frozen=True)
class Variant:
    """A way of nursing.

    Attributes:
        synopsis: whether every frame gets its own text (VSP), or all get the prompt.
        regularizers: as they stand in a spec.
    """

    synopsis: bool
    regularizers: list[dict[str, Any]]


VARIANTS = {
    "plain": Variant(False, []),
    "VSP": Variant(True, []),
    "VSP + TAR 4": Variant(True, tar(4)),
    "VSP + uniform": Variant(True, [{"use": "uniform"}]),
    "VSP + TAR 1": Variant(True, tar(1)),
    "VSP + TAR 4 spread": Variant(True, tar(4, "spread")),
    "VSP + TAR 8": Variant(True, tar(8)),
    "VSP + identity": Variant(True, [{"use": "identity"}]),
    "TAR 4": Variant(False, tar(4)),
    "VSP + TAR 1 spread": Variant(True, tar(1, "spread")),
}
"""In the order in which they are run, the main ones first."""

PAN_VARIANTS = {
    name: Variant(False, VARIANTS[f"VSP + {name}" if name != "plain" else name].regularizers)
    for name in ("plain", "TAR 4", "TAR 1", "uniform", "TAR 8")
}


@dataclass(frozen=True)
class Run:
    """One clip to make and measure."""

    kind: Telling
    family: str
    variant: str
    frames: int
    seed: int

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """What tells it from all others."""
        return (self.kind, self.family, self.variant, self.frames, self.seed)

    @property
    def colour(self) -> str:
        """The colour that it asks for, or ""."""
        return Story(self.family, self.kind).colour(self.seed)

    @property
    def prompt(self) -> str:
        """The prompt."""
        return Story(self.family, self.kind).prompt(self.seed)

    @property
    def reading(self) -> Reading:
        """What the prompt asks for."""
        return read(self.prompt)

    def spec(self) -> dict[str, Any]:
        """The spec of this run."""
        variant = (VARIANTS if self.kind == "story" else PAN_VARIANTS)[self.variant]
        told = {"use": "miniworld"} if variant.synopsis else {"use": "states", "states": [self.prompt]}
        return {
            "prompt": self.prompt,
            "frames": self.frames,
            "seed": self.seed,
            "synopsis": told,
            "regularizers": variant.regularizers,
        }


def runs(seeds: int, pan_seeds: int) -> Iterator[Run]:
    """All runs, the stories first."""
    for variant in VARIANTS:
        for frames in (64, 16):
            for seed in range(seeds):
                for family in STORIES:
                    yield Run("story", family, variant, frames, seed)
    for variant in PAN_VARIANTS:
        for seed in range(pan_seeds):
            for family in PANS:
                yield Run("pan", family, variant, 64, seed)
