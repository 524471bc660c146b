"""Reading a spec's text: plain data, and the line and column of everything in it.

YAML is read with a safe loader that also refuses duplicate keys, aliases, tags and oversized input, and reads scalars by the
rules of YAML 1.2: ``12:30:45`` and ``no`` are text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vstar_sdk.errors import SpecError, SpecPath

LARGEST = 1 << 20
"""Bytes of the largest spec that is read."""


@dataclass(frozen=True)
class Document:
    """A spec as it was written.

    Attributes:
        data: plain mappings, lists and scalars.
        name: file name for messages, or None when it was not read from a file.
        folder: where relative paths in it begin.
        root: the YAML node tree, which knows the places.
        given: paths that did not come from the text, and what to call their place (``--set sampling.steps``).
    """

    data: Any
    name: str | None = None
    folder: Path | None = None
    root: yaml.Node | None = None
    given: dict[SpecPath, str] = field(default_factory=dict)

    def place(self, path: SpecPath) -> str:
        """``file:line:column`` of the deepest part of the path that is written, or "" without a file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.given:
                return self.given[path[:length]]
        if self.name is None:
            return ""
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
        return f"{self.name}:{mark.line + 1}:{mark.column + 1}" if mark is not None else self.name


def read(path: Path) -> Document:
    """Read a spec file; ``.json`` is read as JSON, anything else as YAML.

    Raises:
        SpecError: the file is missing, too large, not text, or not well-formed.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise SpecError(f"{path}: {size / LARGEST:.0f} MB is no spec", hint=f"a spec has at most {LARGEST >> 20} MB")
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SpecError(f"there is no file {path}", hint="`vstar new spec` writes one to begin with") from None
    except IsADirectoryError:
        raise SpecError(f"{path} is a folder, not a spec", hint="name the spec file in it") from None
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: byte {error.start} is not text (UTF-8)", hint="a spec is a YAML or JSON text file") from None
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}") from None
    return parse(text, name=str(path), folder=path.parent, as_json=path.suffix == ".json")


def parse(text: str, *, name: str | None = None, folder: Path | None = None, as_json: bool = False) -> Document:
    """Read a spec's text.

    Raises:
        SpecError: it is not well-formed, repeats a key, uses aliases or tags, or is no mapping.
    """
    if as_json:
        data, root = _json(text, name or "spec"), _composed_json(text)
    else:
        data, root = _yaml(text, name or "spec")
    if not isinstance(data, dict):
        raise SpecError(f"{name or 'spec'}: a spec is a mapping of keys, such as 'prompt: a landscape from winter to autumn'")
    return Document(data, name, folder, root)


class _Loader(yaml.SafeLoader):
    """A safe loader without aliases, duplicate keys, tags or the surprises of YAML 1.1."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()
            raise _fault("aliases (*name) are not allowed in a spec: write the value out", event.start_mark)
        event = self.peek_event()
        if getattr(event, "tag", None) not in (None, "!"):
            raise _fault(f"the tag {event.tag} is not allowed in a spec", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, Any] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _fault("a key must be plain text or a number", key_node.start_mark)
            key = self.construct_object(key_node)
            if key in seen:
                raise _fault(f"the key '{key}' is written twice; first in line {seen[key].line + 1}", key_node.start_mark)
            seen[key] = key_node.start_mark
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    (
        "float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(node.value)  # YAML 1.1 would read 010 as octal


_Loader.add_constructor("tag:yaml.org,2002:int", _decimal)


def _fault(message: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=message, problem_mark=mark)


def _yaml(text: str, name: str) -> tuple[Any, yaml.Node | None]:
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        return (loader.construct_document(root) if root is not None else {}), root
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise SpecError(f"{where}: {error.problem or error.context}", hint="mend the YAML at that place") from None
    except yaml.YAMLError as error:
        raise SpecError(f"{name}: {str(error).splitlines()[0]}", hint="a spec is a YAML or JSON text file") from None
    except RecursionError:
        raise SpecError(f"{name}: nested too deeply for a spec") from None
    except ValueError as error:
        raise SpecError(f"{name}: {error}") from None
    finally:
        if loader is not None:
            loader.dispose()


def _json(text: str, name: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise SpecError(f"{name}: the key '{twice}' is written twice", hint="keep one of them")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise SpecError(f"{name}:{error.lineno}:{error.colno}: {error.msg}", hint="mend the JSON at that place") from None
    except (RecursionError, ValueError) as error:
        raise SpecError(f"{name}: {error}") from None


def _composed_json(text: str) -> yaml.Node | None:
    """The node tree of JSON text, for places only; JSON has no raw tabs but as white space, which YAML dislikes."""
    try:
        return yaml.compose(text.replace("\t", " "), Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
