"""Reading a spec's text: plain data, and the line and column of everything in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from vstar_sdk.errors import SpecError, SpecPath
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.files import TooLarge, read_bounded
from vstar_sdk.reading.json_reader import read_json
from vstar_sdk.reading.places import place_of
from vstar_sdk.reading.yaml_reader import read_yaml

LARGEST = 1 << 19
"""Bytes of the largest spec that is read."""

FILES = (".yaml", ".yml", ".json", ".mp4")
"""How the names of files end that a spec can be read from."""

_MOST_ENTRIES = 1000
"""Names of a folder that are compared with one that is missing."""

_NO_FILE = "`vstar new spec` writes a first spec. A prompt of one word needs --prompt"


@dataclass(frozen=True)
class Document:
    """A spec as it was written.

    Attributes:
        data: plain mappings, lists and scalars.
        name: file name for messages, or None when it was not read from a file.
        folder: where relative paths in it begin.
        root: the YAML node tree, which knows the places.
        given: paths that did not come from the text, and what to call their place (``--set sampling.steps``).
        defaults: those of them that come from the user's own defaults.
    """

    data: Any
    name: str | None = None
    folder: Path | None = None
    root: yaml.Node | None = field(default=None, compare=False)
    given: Mapping[SpecPath, str] = field(default_factory=dict[SpecPath, str])
    defaults: tuple[SpecPath, ...] = ()

    def place(self, path: SpecPath) -> str:
        """``file:line:column`` of the deepest part of the path that is written, or "" without a file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.given:
                return self.given[path[:length]]
        if self._written_by_none(path):
            for below, origin in self.given.items():
                if below[: len(path)] == path:
                    return origin
        line, column = self.position(path)
        return f"{self.name}:{line}:{column}" if self.name is not None else ""

    def _written_by_none(self, path: SpecPath) -> bool:
        """Whether the text has nothing at a path, so that what is there came with a value below it."""
        node = self.root
        for item in path:
            if not isinstance(node, yaml.MappingNode):
                return False
            node = next((value for key, value in node.value if key.value == str(item)), None)
        return node is None

    def position(self, path: SpecPath) -> tuple[int, int]:
        """Line and column, from 1, of the deepest part of the path that is written."""
        node, mark = self.root, getattr(self.root, "start_mark", None)
        for item in path:
            if isinstance(node, yaml.MappingNode):
                pair = next((pair for pair in node.value if pair[0].value == str(item)), None)
                if pair is None:
                    break
                mark, node = pair[0].start_mark, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(item, int) and item < len(node.value):
                node = node.value[item]
                mark = node.start_mark
            else:
                break
        return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def read(path: Path) -> Document:
    """Read a spec file; ``.json`` is read as JSON, anything else as YAML.

    Raises:
        SpecError: the file is missing, too large, not text, or not well-formed.
    """
    shown = printable(str(path))
    try:
        text = read_bounded(path, LARGEST).decode("utf-8-sig")
    except TooLarge:
        raise SpecError(f"{shown}: a spec has at most {LARGEST >> 10} KB", hint="is this the right file?") from None
    except FileNotFoundError:
        if path.is_symlink():
            raise SpecError(f"{shown} is a link to a file that is not there", hint="mend the link, or name the file") from None
        raise SpecError(f"there is no file {shown}{_near(path)}", hint=_NO_FILE) from None
    except IsADirectoryError:
        raise SpecError(f"{shown} is a folder, not a spec", hint="use the spec file in it") from None
    except UnicodeDecodeError as error:
        line, column = place_of(error.object[: error.start].decode("utf-8", "replace"))
        raise SpecError(f"{shown}:{line}:{column}: this is not text (UTF-8)", hint="save the spec as a UTF-8 text file") from None
    except OSError as error:
        raise SpecError(f"{shown} cannot be read: {error.strerror}") from None
    return parse(text, name=shown, folder=path.parent, as_json=path.suffix == ".json")


def _near(path: Path) -> str:
    """``. Did you mean 'own.yaml'?``, where the folder has a spec or a video of nearly that name; "" where it has none."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in islice(entries, _MOST_ENTRIES) if Path(entry.name).suffix in FILES]
    except (OSError, ValueError):
        return ""
    same = sorted((name for name in names if Path(name).stem == path.stem), key=lambda name: FILES.index(Path(name).suffix))
    near = same or get_close_matches(path.name, names, n=1, cutoff=0.8)
    return f". Did you mean '{printable(str(path.with_name(near[0])))}'?" if near else ""


def parse(text: str, *, name: str | None = None, folder: Path | None = None, as_json: bool = False) -> Document:
    """Read a spec's text.

    Raises:
        SpecError: it is not well-formed, repeats a key, uses aliases or tags, or is not a mapping.
    """
    data, root = read_json(text, name or "spec") if as_json else read_yaml(text, name or "spec")
    if not isinstance(data, dict):
        where = f"{name}:1:1" if name else "spec"
        raise SpecError(f"{where}: a spec is a mapping of keys, such as 'prompt: a landscape from winter to autumn'")
    return Document(data, name, folder, root)
