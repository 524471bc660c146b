"""A synopsis writer that another one writes for: what `cycle` and `pacing` share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

from vstar_sdk import Brief, Options, PartOf, SpecError, Synopsis, SynopsisWriter


class ToldOptions(Options):
    """Options of a writer that changes what another one writes."""

    of: Annotated[Options, PartOf("synopses")]
    """Who writes the story: `{use: states, states: [...]}`, `{use: llm, ...}` or any other synopsis."""


class Told(ABC):
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
