"""Which plugins a spec mentions, and where: only these are imported to validate it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from vstar_sdk.errors import SpecPath
from vstar_sdk.spec.names import plain_names, written_out


def mentions(data: dict[Any, Any]) -> dict[str, SpecPath]:
    """Every namespace that a spec may mean, with the first place that names it.

    Namespaces stand in ``plugins`` (alone, or as ``use``), and before the slash of a part's name, a ``template``, or a key of
    ``expect``; what looks like a path is none.
    """
    data = written_out(data)
    found: dict[str, SpecPath] = {}
    for path, name in (*_listed(data), *_named(data, ()), *_plain(data), *_expected(data)):
        found.setdefault(name, path)
    return found


def listed(data: dict[Any, Any]) -> dict[str, SpecPath]:
    """The namespaces under ``plugins``, with their places."""
    return {name: path for path, name in _listed(data)}


def absent(namespace: str, installed: Iterable[str]) -> str:
    """The sentence about a namespace that no installed package brings: the near one, or the package to install."""
    near = difflib.get_close_matches(namespace, sorted(installed), 1, 0.65)
    if near:
        return f"no installed package brings the namespace '{namespace}'. Did you mean '{near[0]}'?"
    return f"no installed package brings the namespace '{namespace}'; its package is usually called vstar-{namespace}"


def _listed(data: dict[Any, Any]) -> Iterator[tuple[SpecPath, str]]:
    written = data.get("plugins")
    if isinstance(written, list | tuple):
        for index, item in enumerate(cast(list[Any], written)):
            name: Any = cast(dict[Any, Any], item).get("use") if isinstance(item, dict) else getattr(item, "use", item)
            if isinstance(name, str):
                yield ("plugins", index), name


def _plain(data: Any) -> Iterator[tuple[SpecPath, str]]:
    for path, value in plain_names(data):
        namespace, slash, _ = value.partition("/")
        if slash:
            yield path, namespace


def _expected(data: Mapping[Any, Any]) -> Iterator[tuple[SpecPath, str]]:
    written = data.get("expect")
    for number in cast(dict[Any, Any], written) if isinstance(written, dict) else ():
        namespace, slash, _ = number.partition("/") if isinstance(number, str) else ("", "", "")
        if slash:
            yield ("expect", number), namespace


def _named(data: Any, path: SpecPath) -> Iterator[tuple[SpecPath, str]]:
    if isinstance(data, dict):
        for key, value in cast(dict[Any, Any], data).items():
            if key in ("use", "template") and isinstance(value, str) and not value.startswith(("./", "../", "/")):
                namespace, slash, _ = value.partition("/")
                if slash and not value.endswith(".jinja"):
                    yield (*path, key), namespace
            yield from _named(value, (*path, key))
    elif isinstance(data, list | tuple):
        for index, item in enumerate(cast(list[Any], data)):
            yield from _named(item, (*path, index))
