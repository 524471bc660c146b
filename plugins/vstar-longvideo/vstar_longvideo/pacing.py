"""Pacing: the clock of the story runs faster here and slower there (ours).

A writer's ``K`` states stand at the frames ``a_0 .. a_{K-1}``, evenly spaced unless it says otherwise. Given as speeds ``v_k`` of
the way from one state to the next, the story takes the same time in all, and each way its part of it::

    a'_0     = a_0
    a'_{k+1} = a'_k + T (a_{k+1} - a_k) / v_k                T = (a_{K-1} - a_0) / sum_k (a_{k+1} - a_k) / v_k

Given as key times, every state stands where they say. The story passes evenly from each state to the next; distances of frames,
which regularizers have, stay what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from vstar_longvideo.retimed import Retimed, RetimedOptions, anchors
from vstar_sdk import Brief, SpecError, Synopsis, SynopsisWriter, moments
from vstar_sdk.options import Moment, Number

Speed = Annotated[float, Field(gt=0, le=1000), Number]


class PacingOptions(RetimedOptions):
    """Options of `Pacing`: who writes the story, and either its speeds or its key times."""

    speeds: list[Speed] | None = Field(default=None, min_length=1, max_length=255, examples=[[1, 3, 1]])
    """How fast the story goes from each state to the next, one less than there are states; only their ratios count."""
    times: list[Moment] | None = Field(default=None, min_length=1, max_length=256, examples=[[0, "20%", "6s"]])
    """When each state is fully there: frames (`12`), seconds (`2.5s`) or fractions (`40%`)."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.speeds is None) == (self.times is None):
            raise ValueError("write either speeds or times")
        return self


class Pacing(Retimed):
    """Moves the states in time.

    Args:
        options: the validated options.
        of: who writes the story.
    """

    def __init__(self, options: PacingOptions, of: SynopsisWriter) -> None:
        super().__init__(of)
        self._options = options

    def changed(self, synopsis: Synopsis, brief: Brief) -> Synopsis:
        """See `Retimed.changed`.

        Raises:
            SpecError: there are too many or too few speeds or times, or two states would come into one frame.
        """
        speeds, times = self._options.speeds, self._options.times
        if times is not None:
            at: Sequence[moments.Span] = times
            _check_number("times", len(times), len(synopsis.states), "one for each of")
        else:
            assert speeds is not None  # noqa: S101  (the options have one of both)
            _check_number("speeds", len(speeds), len(synopsis.states) - 1, "one for each way between")
            if len(set(speeds)) == 1:
                return synopsis
            at = paced(anchors(synopsis, brief), speeds)
        return replace(synopsis, states=tuple(replace(state, at=one) for state, one in zip(synopsis.states, at, strict=True)))


def paced(stands: Sequence[float], speeds: Sequence[float]) -> list[int]:
    """Anchors of a story at other speeds.

    Args:
        stands: where its states stand, in frames.
        speeds: of each way from one to the next.

    Raises:
        SpecError: the states are not in order, or two would come into one frame.
    """
    for number, (one, other) in enumerate(pairwise(stands), 1):
        if one >= other:
            raise SpecError(
                f"longvideo/pacing: state {number + 1} stands at frame {other:g}, and state {number} before it at frame {one:g}",
                hint="write the states in the order of their moments",
                path=("of",),
            )
    ways = [(later - earlier) / speed for (earlier, later), speed in zip(pairwise(stands), speeds, strict=True)]
    time = (stands[-1] - stands[0]) / sum(ways)
    moved = [round(stands[0] + time * passed) for passed in accumulate(ways, initial=0.0)]
    for number, (one, other) in enumerate(pairwise(moved), 1):
        if one == other:
            raise SpecError(
                f"longvideo/pacing: states {number} and {number + 1} would both be in frame {one}",
                hint="lower this speed, or make more frames",
                path=("speeds", number - 1),
            )
    return moved


def _check_number(option: str, given: int, wanted: int, what: str) -> None:
    if given != wanted:
        raise SpecError(
            f"longvideo/pacing: {given} {option} for a story of {wanted + (option == 'speeds')} states",
            hint=f"write {wanted}: {what} its states",
            path=(option,),
        )
