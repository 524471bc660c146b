"""Defaults of one's own: a small file next to the specs, which counts where a spec is silent. Only the command reads it.

It holds what belongs to a person or a machine, not to a picture: the model and its device, who writes the key states, what is
written, which plugins take part. A resolved spec says all of these, so that running it again gives the same video anywhere.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import platformdirs
from pydantic import ValidationError

from vstar_sdk.errors import SpecError, SpecPath
from vstar_sdk.options import Options
from vstar_sdk.spec import document as documents
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.guard import Guard, Guarding
from vstar_sdk.spec.names import written_out
from vstar_sdk.spec.problems import spec_error

ENVIRONMENT = "VSTAR_CONFIG"
"""Names another file; empty: none is read."""

KEYS = ("model", "synopsis", "output", "plugins")
"""What the file may hold defaults of."""

GUARD = "guard"
"""The section that says what specs may reach; no default."""


def config_file() -> Path | None:
    """Where the defaults stand, whether or not there is such a file; None where they are switched off."""
    named = os.environ.get(ENVIRONMENT)
    if named is not None:
        return Path(named) if named else None
    try:
        return platformdirs.user_config_path("vstar") / "config.yaml"
    except RuntimeError:  # there is no home
        return None


def own_defaults() -> Document | None:
    """The defaults, or None without any.

    Raises:
        SpecError: the file cannot be read, or holds another key; with its place.
    """
    path = config_file()
    if path is None or (ENVIRONMENT not in os.environ and not path.exists()):
        return None
    defaults = documents.read(path)
    for key in defaults.data:
        if key not in (*KEYS, GUARD):
            raise SpecError(
                f"{defaults.place((key,))}: {key} is not allowed in the file of defaults",
                hint=f"allowed keys are {', '.join(KEYS)} and {GUARD}; everything else belongs in a spec",
            )
    return replace(defaults, data={key: value for key, value in defaults.data.items() if key != GUARD})


def own_guard(*, wanted: bool = False) -> Guard | None:
    """The guard of the section ``guard``; without one it allows output below the working folder, and nothing else.

    Args:
        wanted: whether it was asked for; without, there is one only where the file says ``always``.

    Raises:
        SpecError: the file cannot be read, or the section is wrong; with its place.
    """
    path = config_file()
    written = documents.read(path) if path is not None and (ENVIRONMENT in os.environ or path.exists()) else None
    if written is None or GUARD not in written.data:
        return Guard(output=Path.cwd()) if wanted else None
    section: Any = written.data[GUARD]
    if isinstance(section, dict):
        section = _from_here(cast(dict[Any, Any], section), written.folder or Path())
    try:
        found = _File.model_validate({GUARD: section}).guard
    except ValidationError as error:
        raise spec_error(error, written, _File) from None
    return found.guard() if found.always or wanted else None


class _File(Options):
    """The part of the file that is no default."""

    guard: Guarding


def _from_here(section: dict[Any, Any], folder: Path) -> dict[Any, Any]:
    """The section with paths that begin at the folder of the file."""

    def whole(value: Any) -> Any:
        return str(folder / os.path.expanduser(value)) if isinstance(value, str) else value

    roots: Any = section.get("roots")
    changed = {"roots": [*map(whole, cast(list[Any], roots))]} if isinstance(roots, list) else {}
    return section | changed | ({"output": whole(section["output"])} if "output" in section else {})


def beneath(document: Document, defaults: Document) -> Document:
    """The document, with the defaults where it is silent.

    A default that chooses a part (``use``) counts where the document leaves the key out or chooses the same part; one that
    only sets options counts for any part.

    Args:
        document: a spec.
        defaults: see `own_defaults`.
    """
    data = copy.deepcopy(written_out(document.data))
    given, taken = dict(document.given), list[SpecPath]()
    for path, value in _missing(data, written_out(defaults.data)):
        node: Any = data
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = copy.deepcopy(value)
        given |= {inside: defaults.place(inside) for inside in _paths(value, path)}
        taken.append(path)
    return replace(document, data=data, given=given, defaults=tuple(taken))


def _missing(data: Mapping[Any, Any], defaults: Mapping[Any, Any], path: SpecPath = ()) -> Iterator[tuple[SpecPath, Any]]:
    """What the defaults have and the data has not."""
    if "use" in defaults and path and defaults["use"] != data.get("use"):
        return
    for key, value in defaults.items():
        if key not in data:
            yield (*path, key), value
        elif isinstance(data[key], dict) and isinstance(value, dict):
            yield from _missing(cast(dict[Any, Any], data[key]), cast(dict[Any, Any], value), (*path, key))


def _paths(value: Any, path: SpecPath) -> Iterator[SpecPath]:
    """A path, and all within it."""
    yield path
    if isinstance(value, dict):
        for key, inner in cast(dict[Any, Any], value).items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(cast(list[Any], value)):
            yield from _paths(inner, (*path, index))
