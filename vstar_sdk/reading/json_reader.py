"""JSON as specs are written in it: no key twice, bounded depth and numbers, and the place of everything."""

# PyYAML, which knows the places, has no types of its own.
# pyright: basic

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import yaml

from vstar_sdk.errors import SpecError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.places import DEEPEST, MOST, TOO_DEEP, TOO_MANY, place_of

_MOST_DIGITS = 400
"""Digits of the longest number: more than any float has."""

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]|-?\d+', re.DOTALL)


def read_json(text: str, name: str) -> tuple[Any, yaml.Node | None]:
    """Plain data, and a tree of nodes that knows the places.

    Raises:
        SpecError: the text is not well-formed, or holds what a spec may not.
    """

    def refuse(message: str, position: int, hint: str) -> NoReturn:
        line, column = place_of(text[:position])
        raise SpecError(f"{name}:{line}:{column}: {message}", hint=hint) from None

    depth = 0
    for count, token in enumerate(_TOKENS.finditer(text)):
        if count > 3 * MOST:  # a key, its value and a bracket for each
            refuse(TOO_MANY, token.start(), "split it, or remove values that equal the defaults")
        depth += (token[0] in "[{") - (token[0] in "]}")
        if depth > DEEPEST:
            refuse(TOO_DEEP, token.start(), "reduce the nesting")
        if len(token[0]) > _MOST_DIGITS and token[0][0] != '"':
            refuse("the number is too long", token.start(), f"write at most {_MOST_DIGITS} digits")
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        refuse(error.msg, error.pos, "fix the JSON at that place")
    root = _places(text)
    try:
        json.loads(text, object_pairs_hook=_once)
    except _Twice as twice:
        mark = _second(root, twice.key)
        where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise SpecError(
            f"{name}:{where}: the key '{printable(twice.key[:80])}' is written twice", hint="remove one of them"
        ) from None
    return data, root


class _Twice(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, value in pairs:
        if key in mapping:
            raise _Twice(key)
        mapping[key] = value
    return mapping


def _places(text: str) -> yaml.Node | None:
    """The node tree of JSON text, for places only.

    YAML dislikes tabs and a few characters that JSON takes; one stands for another here, so that the places hold.
    """
    printable = yaml.reader.Reader.NON_PRINTABLE.sub("?", text.replace("\t", " "))
    try:
        return yaml.compose(printable, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, OverflowError):  # the last two: an escape of a character that there is not
        return None


def _second(node: yaml.Node | None, key: str) -> Any:
    """Where a mapping has a key for the second time."""
    if isinstance(node, yaml.MappingNode):
        same = [pair[0] for pair in node.value if pair[0].value == key]
        if len(same) > 1:
            return same[1].start_mark
        inner = [pair[1] for pair in node.value]
    else:
        inner = list(node.value) if isinstance(node, yaml.SequenceNode) else []
    return next((mark for item in inner if (mark := _second(item, key)) is not None), None)
