"""What is told at each length: two processor cores must make some three thousand clips in hours."""

from __future__ import annotations

from dataclasses import dataclass

from vstar_sdk.scoring.stories import Story


@dataclass(frozen=True)
class Length:
    """The clips of an entry at a length.

    Attributes:
        families: whose stories are told.
        seeds: of each story.
        steps: of the sampler; None: the model's own number.
    """

    families: tuple[str, ...]
    seeds: int
    steps: int | None = None

    @property
    def stories(self) -> tuple[Story, ...]:
        """No pans: both models let the camera stand still too often for a comparison of methods."""
        return tuple(Story(family, "story") for family in self.families)

    def overrides(self, model: str) -> tuple[str, ...]:
        """Assignments for the specs of a model; in few steps miniworld needs the scheduler of its presets."""
        if self.steps is None:
            return ()
        scheduler = ("sampling.scheduler=unipc",) if model == "miniworld" else ()
        return (*scheduler, f"sampling.steps={self.steps}")


LENGTHS: dict[int, Length] = {
    16: Length(("landscape", "flower", "city"), seeds=5),
    64: Length(("landscape", "city"), seeds=5, steps=12),
    128: Length(("landscape",), seeds=6, steps=8),
}
"""By frames. 128 frames cost ten times what 16 cost; six pairs are the fewest that can tell two methods apart."""
