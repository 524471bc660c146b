"""The moment of a denoising: which step of the schedule is under way. No torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Moment:
    """A step of the schedule, as the parts that act on it see it.

    Attributes:
        step: from 0.
        steps: of the schedule.
        timestep: on the model's scale.
    """

    step: int
    steps: int
    timestep: float

    @property
    def fraction(self) -> float:
        """How much of the schedule is done, from 0."""
        return self.step / self.steps
