"""The variables of a template."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Names:
    """Which variables a template may use, and where.

    Attributes:
        declared: the inputs of its front matter.
        withheld: those of them that hold the user's words: the system block never sees them.
        given: variables that every template can declare, for hints.
    """

    declared: frozenset[str]
    withheld: frozenset[str]
    given: frozenset[str]
