"""A synopsis writer that another one writes for: what `cycle` and `pacing` share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from itertools import pairwise
from typing import Annotated

from vstar_sdk import Brief, Options, PartOf, SpecError, Synopsis, SynopsisWriter, moments


class RetimedOptions(Options):
    """Options of a writer that changes what another one writes."""

    of: Annotated[Options, PartOf("synopses")]
    """Who writes the story: `{use: states, states: [...]}`, `{use: llm, ...}` or any other synopsis."""


class Retimed(ABC):
    """A `vstar_sdk.SynopsisWriter` around another one, which is as much online as that.

    Args:
        of: the other one.
    """

    def __init__(self, of: SynopsisWriter) -> None:
        self._of = of
        self.offline = of.offline

    def write(self, brief: Brief) -> Synopsis:
        """What the other one writes, changed."""
        with _placed():
            synopsis = self._of.write(brief)
        return self.changed(synopsis, brief)

    @abstractmethod
    def changed(self, synopsis: Synopsis, brief: Brief) -> Synopsis:
        """The story in its other form."""

    def check(self, brief: Brief) -> None:
        """See `vstar_sdk.SynopsisWriter`: what the other one can find without being asked to write."""
        check = getattr(self._of, "check", None)
        if check is not None:
            with _placed():
                check(brief)

    def close(self) -> None:
        """Close the other one."""
        self._of.close()


@contextmanager
def _placed() -> Generator[None]:
    """Tells where a fault of the other one's options stands; one of the prompt has its place."""
    try:
        yield
    except SpecError as error:
        raise error if error.path[:1] == ("prompt",) else error.under("of") from None


def anchors(synopsis: Synopsis, brief: Brief) -> list[float]:
    """Where the states stand, in frames; those that nobody placed stand evenly between the others.

    Raises:
        SpecError: a moment is beyond the clip.
    """
    last = len(synopsis.states) - 1
    placed = {0: 0.0, last: brief.frames - 1.0}
    for index, state in enumerate(synopsis.states):
        if state.at is not None:
            placed[index] = float(_frame(state.at, brief))
    known = sorted(placed)
    for left, right in pairwise(known):
        for index in range(left + 1, right):
            placed[index] = placed[left] + (index - left) / (right - left) * (placed[right] - placed[left])
    return [placed[index] for index in range(last + 1)]


def _frame(at: moments.Span, brief: Brief) -> int:
    try:
        return moments.position(at, brief.frames, brief.fps)
    except ValueError as error:
        raise SpecError(str(error), hint="move the anchor into the clip", path=("of",)) from None
