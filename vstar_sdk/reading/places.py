"""Lines, columns and depths, as all readers of specs count them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from vstar_sdk.errors import SpecError

DEEPEST = 40
"""Levels of mappings and lists inside each other; a spec needs six."""

TOO_DEEP = f"nested too deeply: a spec has at most {DEEPEST} levels"


def place_of(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what stands behind a text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def printable(text: str) -> str:
    """A text on one line, control characters (which a terminal would obey) written as escapes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def check_depth(data: object) -> None:
    """Refuse data that is nested too deeply, or holds itself.

    Raises:
        SpecError: it does.
    """
    level: list[object] = [data]
    for _ in range(DEEPEST + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, Mapping):
                below.extend(cast(Mapping[Any, Any], item).values())
            elif isinstance(item, list | tuple):
                below.extend(cast(list[Any], item))
        level = below
        if not level:
            return
    raise SpecError(TOO_DEEP)
