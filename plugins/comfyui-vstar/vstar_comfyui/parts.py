"""The installed parts of a kind, and options as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import vstar_sdk
from vstar_sdk import SpecError


def installed(place: str) -> list[str]:
    """The names that a place of a spec takes, sorted; parts of plugins are among them.

    Args:
        place: ``regularizers`` or ``synopsis``.
    """
    schema = _places()[place]
    chosen: Any = schema.get("items", schema)
    either: list[Any] = [chosen, *chosen.get("anyOf", [])]
    return sorted(next(one["discriminator"]["mapping"] for one in either if "discriminator" in one))


@cache
def _places() -> Any:
    """What each place of a spec takes; plugins that are installed later are seen when ComfyUI starts again."""
    return vstar_sdk.json_schema()["properties"]


def options_of(text: str, where: str) -> dict[str, Any]:
    """A JSON object, as it is typed into a node; nothing is an empty one.

    Args:
        text: as typed.
        where: the node's input, for messages.

    Raises:
        SpecError: it is none.
    """
    try:
        given: Any = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise SpecError(f"{where}: no JSON: {error}", hint='write an object such as {"sigma": {"0": 1}}') from None
    if not isinstance(given, Mapping):
        raise SpecError(f"{where}: a {type(given).__name__}, not an object", hint='write an object such as {"sigma": 1}')
    options: dict[str, Any] = dict(given)  # pyright: ignore[reportUnknownArgumentType]
    return options
