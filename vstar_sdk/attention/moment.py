"""The moment: where in the schedule a denoiser is called. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Moment:
    """A step of the schedule, before it is done.

    Attributes:
        step: from 0.
        steps: steps of the schedule; evaluations, for schedulers of second order.
        timestep: of the step, on the model's scale; NaN where no scheduler has said it.
    """

    step: int
    steps: int
    timestep: float = math.nan

    @property
    def fraction(self) -> float:
        """The part of the schedule that is done, as ``window`` counts it: 0 before the first step, always below 1."""
        return self.step / self.steps


def steps_inside(window: tuple[float, float], steps: int) -> range:
    """The steps, from 0, inside a window: ``round(start * steps) <= i < round(end * steps)``.

    Args:
        window: start and end, as fractions of the schedule.
        steps: steps of the schedule.
    """
    start, end = window
    return range(round(start * steps), round(end * steps))
