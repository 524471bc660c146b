"""Synopsis templates: what a language model is told. Here they are found and read; `rendering` fills them in.

A template is a Jinja file with YAML front matter and two blocks::

    ---
    name: haiku
    version: 1
    summary: Key states in seventeen syllables.
    inputs:
      properties:
        prompt: {type: string}
        states: {type: integer}
        season: {enum: [spring, autumn], default: spring}
    ---
    {% block system %}You write ... exactly {{ states }} captions ... {{ season }} ...{% endblock %}
    {% block user %}The prompt: {{ prompt | tojson }}{% endblock %}

``inputs`` is JSON Schema of the variables that it uses. The system block gets numbers and the author's own words (an ``enum``),
never a word of the user's.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from vstar_sdk.errors import TemplateError
from vstar_sdk.reading.files import TooLarge, read_bounded
from vstar_sdk.templating.front_matter import FrontMatter, split

LARGEST = 64 * 1024
"""Bytes of the largest template that is read."""

FOLDER = "templates"
"""The folder next to a spec file whose templates are found by their bare names."""

Origin = Literal["path", "next to the spec", "plugin", "built in"]
"""Where a template was found, in the order of the search."""


class UnknownTemplate(TemplateError):
    """A name that no template has, or a path without a file."""


@dataclass(frozen=True)
class Found:
    """A template before it is read.

    Attributes:
        name: what a spec calls it.
        path: its file.
        origin: where it was found.
    """

    name: str
    path: Path
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class Template:
    """A template as it was read.

    Attributes:
        name: what the spec calls it.
        path: its file.
        origin: where it was found; only those that are built in are filled in without a process of their own.
        about: its front matter.
        source: its Jinja part, the lines of the front matter left empty so that line numbers hold.
        root: the tree of the front matter, which knows its lines.
        sha256: hash of the file, in hexadecimal.
    """

    name: str
    path: Path
    origin: Origin
    about: FrontMatter
    source: str
    root: yaml.Node
    sha256: str


def built_in() -> dict[str, Path]:
    """The package's own templates by name: carried inside the wheel, or next to the package in a source checkout.

    Raises:
        TemplateError: there are none.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / FOLDER, package.parent / FOLDER):
        if (folder / "key-states.jinja").is_file():
            return _in(folder)
    raise TemplateError("the templates of vstar-sdk are missing", hint="reinstall the package vstar-sdk")


def is_path(name: str) -> bool:
    """Whether a spec's ``template:`` is a path."""
    return name.startswith(("./", "../", "/")) or name.endswith(".jinja")


def file_of(name: str, *, folder: Path | None = None) -> Path | None:
    """The file that a spec's ``template:`` means where it is neither built in nor a plugin's, whether or not it is there.

    Args:
        name: see `find`.
        folder: see `find`.
    """
    if is_path(name):
        return (folder or Path()) / name
    return next(
        (found.path for found in available(folder=folder) if (found.name, found.origin) == (name, "next to the spec")), None
    )


def available(*, folder: Path | None = None, registered: Mapping[str, Path] | None = None) -> list[Found]:
    """Every template that has a name, in the order of the search; of two with one name, the first is meant.

    Args:
        folder: folder of the spec file; None where there is none.
        registered: templates of plugins, by ``namespace/name``.
    """
    own = built_in()
    beside = _in(folder / FOLDER) if folder is not None else {}
    if set(beside) == set(own) and all(path.samefile(own[name]) for name, path in beside.items()):
        beside = {}  # the folder of the package's own checkout
    return [
        *(Found(name, path, "next to the spec") for name, path in beside.items()),
        *(Found(name, path, "plugin") for name, path in sorted((registered or {}).items())),
        *(Found(name, path, "built in") for name, path in own.items()),
    ]


def find(name: str, *, folder: Path | None = None, registered: Mapping[str, Path] | None = None) -> Found:
    """What a spec's ``template:`` means: a path, else one of the folder ``templates`` next to the spec, a plugin's, or built in.

    Args:
        name: a bare name, ``namespace/name``, or a path, which begins with ``./`` or ``/`` or ends in ``.jinja``.
        folder: folder of the spec file, where paths begin; None means the working directory, without a folder ``templates``.
        registered: templates of plugins, by ``namespace/name``.

    Raises:
        UnknownTemplate: no such template; the message tells the nearest, and what was searched.
    """
    if is_path(name):
        path = (folder or Path()) / name
        if not _is_file(path):
            raise UnknownTemplate(f"there is no template file {path}", hint="relative paths start at the folder of the spec file")
        return Found(name, path, "path")
    known = available(folder=folder, registered=registered)
    for found in known:
        if found.name == name:
            return found
    near = difflib.get_close_matches(name, [found.name for found in known], 1, cutoff=0.5)
    guess = f" Did you mean '{near[0]}'?" if near else ""
    raise UnknownTemplate(
        f"unknown template '{name}'.{guess} Searched: {_searched(known, folder)}.",
        hint="`vstar templates` lists all names; the path of a file begins with ./ or /, or ends in .jinja",
    )


def load(name: str, *, folder: Path | None = None, registered: Mapping[str, Path] | None = None) -> Template:
    """Find and read a template; the arguments are those of `find`.

    Raises:
        TemplateError: there is none, its file cannot be read, or its front matter is wrong.
    """
    return read(find(name, folder=folder, registered=registered))


def read(found: Found) -> Template:
    """Read a template that was found.

    Raises:
        TemplateError: its file cannot be read, or its front matter is wrong; with file and line.
    """
    path = found.path
    try:
        content = read_bounded(path, LARGEST)
        text = content.decode("utf-8-sig")
    except TooLarge:
        raise TemplateError(f"{path}: more than {LARGEST // 1024} KB", hint="is this the right file?") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise TemplateError(f"{path}:{line}: byte {error.start} is not text (UTF-8)") from None
    except OSError as error:
        raise TemplateError(f"template {found.name}: {path} cannot be read: {error.strerror}") from None
    about, source, root = split(text, path)
    return Template(
        name=found.name,
        path=path,
        origin=found.origin,
        about=about,
        source=source,
        root=root,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file system takes, or a folder that nobody may look into
        return False


def _in(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.jinja"))}


def _searched(known: list[Found], folder: Path | None) -> str:
    """Every place, with the names that were found there."""
    beside = f"{folder / FOLDER}" if folder is not None else f"no folder {FOLDER}, as there is no spec file"
    places: dict[Origin, str] = {"next to the spec": beside, "plugin": "plugins that the spec names", "built in": "built in"}
    return "; ".join(
        f"{place} ({', '.join(found.name for found in known if found.origin == origin) or 'none'})"
        for origin, place in places.items()
    )
