"""JSON values in a text that holds more than JSON, and where those that are malformed break."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

_BRACKET = re.compile(r"[{\[]")

_MOST_WORK = 5_000_000
"""Characters that are read in all, those that are read again included; it bounds the time that a hostile text can take."""

_DECODER = json.JSONDecoder(strict=False, parse_int=float)
"""Takes raw line breaks in strings, which do no harm; ``float`` because thousands of digits are an error as an integer."""

_TOO_DEEP = "Nested too deeply"

_REASONS = (
    ("Expecting property name", "a name in double quotes is missing"),
    ("Expecting value", "a value is missing"),
    ("Expecting ',' delimiter", 'a comma or a closing bracket is missing, or a " inside a text is not written as \\"'),
    ("Expecting ':' delimiter", "a colon is missing"),
    (_TOO_DEEP, "it is nested too deeply"),
    ("Invalid", "a backslash before a character that it cannot escape"),
)
"""The decoder's messages, and the words for people and models."""


@dataclass(frozen=True)
class Found:
    """A JSON object or list.

    Attributes:
        value: what it holds.
        start: where it begins.
        end: where the text goes on.
    """

    value: object
    start: int
    end: int


@dataclass(frozen=True)
class Malformed:
    """What begins as a JSON object or list and is none.

    Attributes:
        words: the decoder's own, for `explained`.
        start: where it begins.
        at: where it breaks.
    """

    words: str
    start: int
    at: int


def json_values(text: str) -> Iterator[Found | Malformed]:
    """All outermost JSON objects and lists, in order; inside a malformed one the search goes on."""
    position = work = 0
    while work < _MOST_WORK and (bracket := _BRACKET.search(text, position)):
        start = bracket.start()
        try:
            value, position = _DECODER.raw_decode(text, start)
            yield Found(value, start, position)
            work += position - start
        except RecursionError:
            yield Malformed(_TOO_DEEP, start, start)
            return
        except json.JSONDecodeError as error:
            yield Malformed(error.msg, start, error.pos)
            position = start + 1
            work += error.pos - start + 1


def as_object(value: object) -> dict[str, object] | None:
    """The value if it is a JSON object."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[object] | None:
    """The value if it is a JSON list."""
    return cast("list[object]", value) if isinstance(value, list) else None


def decoded(text: str) -> object:
    """The object or list that a text is the JSON of, or None."""
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        return None
    try:
        return _DECODER.decode(stripped)
    except (ValueError, RecursionError):
        return None


def explained(text: str, malformed: Malformed) -> str:
    """The sentence about a malformed value, with its place."""
    line = text.count("\n", 0, malformed.at) + 1
    column = malformed.at - (text.rfind("\n", 0, malformed.at) + 1) + 1
    around = text[max(0, malformed.at - 20) : malformed.at + 10]
    near = " ".join("".join(sign if sign.isprintable() else " " for sign in around).split())
    return f"the JSON is malformed at line {line}, column {column}: {_reason(text, malformed)} (near: {near})"


def _reason(text: str, malformed: Malformed) -> str:
    before, after = text[: malformed.at].rstrip()[-1:], text[malformed.at :].lstrip()
    if malformed.words.startswith("Unterminated"):
        return "a text begins there and is never closed"
    if not after:
        return "it ends there, before it is closed"
    # Python reports the bracket, and since 3.13 the comma before it.
    if (before == "," and after[0] in "}]") or (after[0] == "," and after[1:].lstrip()[:1] in ("}", "]")):
        return "a comma before the closing bracket"
    return next((reason for words, reason in _REASONS if malformed.words.startswith(words)), "it cannot be read")
