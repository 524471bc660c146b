"""Names alone in the places of parts: ``model: miniworld``, ``output: [mp4]``. Each means its part with defaults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from vstar_sdk.errors import SpecPath
from vstar_sdk.plugin.kinds import KINDS, Kind


def written_out(data: Any) -> Any:
    """A spec with ``{use: NAME}`` in the place of every name alone, as far as places are known without the parts.

    Args:
        data: plain mappings, lists and scalars; stays as it is.
    """
    for kind in KINDS.values():
        if kind.plain.form is None:
            for place in _places(kind):
                data = _changed(data, place, many=kind.many)
    return data


def plain_names(data: Any) -> Iterator[tuple[SpecPath, str]]:
    """Every text that stands in the place of a part of which values are texts, too, with its place: ``scheduler: euler``."""
    for kind in KINDS.values():
        if kind.plain.form is not None:
            value = data
            for key in kind.path:
                value = cast(dict[Any, Any], value).get(key) if isinstance(value, dict) else None
            if isinstance(value, str):
                yield kind.path, value


def _places(kind: Kind) -> Iterator[tuple[str, ...]]:
    for place in (kind.place, kind.held):
        if place is not None:
            yield tuple(place.removesuffix("[]").split("."))


def _changed(data: Any, place: tuple[str, ...], *, many: bool) -> Any:
    """The data with the names at a place written out; what is not changed is shared."""
    if place:
        if not isinstance(data, dict) or place[0] not in data:
            return cast(Any, data)
        mapping = cast(dict[Any, Any], data)
        before = mapping[place[0]]
        after = _changed(before, place[1:], many=many)
        return mapping if after is before else {**mapping, place[0]: after}
    if many and isinstance(data, list):
        items = cast(list[Any], data)
        return [_named(item) for item in items] if any(isinstance(item, str) for item in items) else items
    return data if many else _named(data)


def _named(value: Any) -> Any:
    return {"use": value} if isinstance(value, str) else value
