"""The filters and tests of templates: those that a prompt needs, each bounded before it works.

Jinja's own can be asked for texts of any length (``center``, ``indent``, ``batch``, ``format``, ...) or for any attribute
(``map``, ``attr``, ``sort``), so the names that are kept lead to functions written here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from jinja2 import Undefined
from jinja2 import tests as jinja_tests
from jinja2.exceptions import SecurityError

from vstar_sdk.templating.sandbox.bounds import bounded_length, bounded_number

_DIRECTIVE = re.compile(r"%(?:%|[-+ 0#]{0,5}[0-9]{0,2}(?:\.[0-9]{1,2})?[sdifeEgG])")

_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>\x7f\x85\u2028\u2029"}
"""Brackets could be read as a chat's markers or as tags, the others as the end of a line: JSON can write them without."""


def text(value: Any) -> str:
    """A scalar as text.

    Raises:
        SecurityError: it is a list or something else that has no plain text.
    """
    if not isinstance(value, str | int | float | Undefined) and value is not None:
        raise SecurityError(f"a {type(value).__name__} cannot be written as text: use join or tojson")
    return str(value)


def tojson(value: Any) -> str:
    """JSON on one line, whatever the text, with nothing in it that looks like a tag or a marker."""
    if isinstance(value, Undefined):
        str(value)  # raises what Jinja says of an undefined variable
    items = cast(Sequence[Any], value) if isinstance(value, list | tuple) else [value]
    if any(isinstance(item, list | tuple) for item in items):
        raise SecurityError("nested lists cannot be written as JSON here")
    return json.dumps(value, ensure_ascii=False).translate(_UNSAFE)


def join(values: Sequence[Any], between: str = "") -> str:
    """Texts in one."""
    pieces: list[str] = []
    length = 0
    for value in values:
        pieces.append(text(value))
        length += len(pieces[-1]) + len(text(between))
        bounded_length(length)
    return text(between).join(pieces)


def replace(value: Any, old: str, new: str) -> str:
    """Every ``old`` becomes ``new``."""
    written = text(value)
    if not old:
        raise SecurityError("replace needs a text to search for")
    bounded_length(len(written) + written.count(old) * max(0, len(new) - len(old)))
    return written.replace(old, new)


def formatted(pattern: str, *values: Any) -> str:
    """``"%.1f" | format(seconds)``: widths and precisions of up to two digits."""
    if "%" in _DIRECTIVE.sub("", text(pattern)):
        raise SecurityError(f"the format {pattern[:40]!r} is not one of %s, %d, %.1f and the like")
    bounded_length(len(pattern) + sum(len(text(value)) for value in values))
    return text(pattern) % tuple(values)


def rounded(value: float, precision: int = 0) -> float:
    """To that many decimals."""
    if not 0 <= precision <= 15:
        raise SecurityError("round takes 0 to 15 decimals")
    return round(bounded_number(value), precision)


def default(value: Any, fallback: Any = "", boolean: bool = False) -> Any:
    """The fallback where a variable is undefined (or, on demand, empty)."""
    return fallback if isinstance(value, Undefined) or (boolean and not value) else value


def as_list(values: Sequence[Any]) -> list[Any]:
    """A list of the items, or of a text's characters."""
    bounded_length(len(values))
    return list(values)


def first(values: Sequence[Any]) -> Any:
    """The first item."""
    return values[0]


def last(values: Sequence[Any]) -> Any:
    """The last item."""
    return values[-1]


def capitalize(value: Any) -> str:
    """The first letter large, the others small."""
    return text(value).capitalize()


def lower(value: Any) -> str:
    """Small letters."""
    return text(value).lower()


def title(value: Any) -> str:
    """Each word with a large letter."""
    return text(value).title()


def trim(value: Any) -> str:
    """Without white space around it."""
    return text(value).strip()


def upper(value: Any) -> str:
    """Large letters."""
    return text(value).upper()


def absolute(value: float) -> float:
    """Without its sign."""
    return abs(value)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "abs": absolute,
    "capitalize": capitalize,
    "count": len,
    "default": default,
    "first": first,
    "float": float,
    "format": formatted,
    "int": int,
    "join": join,
    "last": last,
    "length": len,
    "list": as_list,
    "lower": lower,
    "replace": replace,
    "round": rounded,
    "string": text,
    "title": title,
    "tojson": tojson,
    "trim": trim,
    "upper": upper,
}
"""Every filter, by name."""

TESTS: dict[str, Callable[..., Any]] = {
    name: jinja_tests.TESTS[name]  # pyright: ignore[reportUnknownMemberType]
    for name in (
        *("boolean", "defined", "divisibleby", "even", "false", "float", "in", "integer", "none", "number", "odd"),
        *("sequence", "string", "true", "undefined", "eq", "ne", "lt", "le", "gt", "ge"),
    )
}
"""Every test (``is ...``), by name."""
