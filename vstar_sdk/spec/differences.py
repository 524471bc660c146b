"""What differs between two specs, as plain data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from vstar_sdk.errors import SpecPath
from vstar_sdk.reading.escapes import printable


class _Absent(Enum):
    ABSENT = "nothing"


ABSENT = _Absent.ABSENT
"""Stands where one of the two has no such key."""


@dataclass(frozen=True)
class Difference:
    """One key whose values differ.

    Attributes:
        path: of the key.
        was: its value in the first, or `ABSENT`.
        now: in the second.
    """

    path: SpecPath
    was: Any
    now: Any

    @property
    def values(self) -> tuple[str, str]:
        """Both values, short and in one line."""
        return _short(self.was), _short(self.now)


def differences(was: Any, now: Any, path: SpecPath = ()) -> Iterator[Difference]:
    """Where two specs differ, key by key; lists are compared item by item.

    Args:
        was: plain data.
        now: likewise.
        path: where they stand.
    """
    if isinstance(was, dict) and isinstance(now, dict):
        before, after = cast(dict[Any, Any], was), cast(dict[Any, Any], now)
        keys = [*before, *(key for key in after if key not in before)]
    elif isinstance(was, list) and isinstance(now, list):
        before, after = dict(enumerate(cast(list[Any], was))), dict(enumerate(cast(list[Any], now)))
        keys = list(before if len(before) > len(after) else after)
    else:
        if was != now:
            yield Difference(path, was, now)
        return
    for key in keys:
        yield from differences(before.get(key, ABSENT), after.get(key, ABSENT), (*path, key))


def _short(value: Any) -> str:
    text = ABSENT.value if value is ABSENT else json.dumps(value, ensure_ascii=False, default=str)
    return printable(text if len(text) <= 60 else f"{text[:57]}...")
