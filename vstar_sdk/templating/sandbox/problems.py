"""What is wrong with a template, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding.

    Attributes:
        line: of the template's file, from 1; 0 means the whole of it.
        message: what is wrong.
        hint: the remedy, or None when the message holds it.
    """

    line: int
    message: str
    hint: str | None = None


class Refusal(Exception):
    """A template that cannot be filled in.

    Args:
        problem: the reason.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem
