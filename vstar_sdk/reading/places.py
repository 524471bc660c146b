"""Lines, columns and depths, as all readers of specs count them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from vstar_sdk.errors import SpecError

DEEPEST = 40
"""Levels of mappings and lists inside each other; a spec needs six."""

TOO_DEEP = f"nested too deeply: a spec has at most {DEEPEST} levels"

MOST = 10_000
"""Keys, items and values in a document; a spec of fifty states has four hundred. It bounds the time that reading takes."""

TOO_MANY = f"too long: a spec has at most {MOST:,} keys and values"


def place_of(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what stands behind a text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def whole(text: str) -> str:
    """A text in which the two halves of a character beyond U+FFFF, written as two escapes (JSON's way), are one character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") if _HALF.search(text) else text


_HALF = re.compile("[\ud800-\udfff]")


def check_size(data: object) -> None:
    """Refuse data that is nested too deeply, holds itself, or holds too much.

    Raises:
        SpecError: it does.
    """
    level: list[object] = [data]
    count = 0
    for _ in range(DEEPEST + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, Mapping):
                below.extend(cast(Mapping[Any, Any], item).values())
            elif isinstance(item, list | tuple):
                below.extend(cast(list[Any], item))
            count += 1
            if count + len(below) > MOST:
                raise SpecError(TOO_MANY, hint="split it, or remove values that equal the defaults")
        level = below
        if not level:
            return
    raise SpecError(TOO_DEEP)
