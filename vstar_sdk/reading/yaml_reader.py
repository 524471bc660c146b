"""YAML as specs are written in it: a safe loader that also refuses duplicate keys, aliases and tags, by the rules of YAML 1.2.

``12:30:45`` and ``no`` are text, ``010`` is ten.
"""

# PyYAML has no types of its own.
# pyright: basic

from __future__ import annotations

import re
from typing import Any

import yaml

from vstar_sdk.errors import SpecError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.places import DEEPEST, MOST, TOO_DEEP, TOO_MANY, place_of, whole


class Loader(yaml.SafeLoader):
    """A safe loader without aliases, duplicate keys, tags, bottomless nesting or the surprises of YAML 1.1."""

    depth = 0
    count = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases and tags before a node is made of them."""
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()
            raise _fault("aliases (*name) are not allowed: write the value out", event.start_mark)
        event = self.peek_event()
        if getattr(event, "tag", None) not in (None, "!"):
            raise _fault(f"the tag {str(event.tag)[:80]} is not allowed", event.start_mark)
        self.depth += 1
        self.count += 1
        if self.depth > DEEPEST + 1:
            raise _fault(TOO_DEEP, event.start_mark)
        if self.count > MOST:
            raise _fault(TOO_MANY, event.start_mark)
        node = super().compose_node(parent, index)
        if isinstance(node, yaml.ScalarNode):
            node.value = whole(node.value)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse keys that are not scalars or stand twice."""
        seen: dict[Any, Any] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _fault("a key must be plain text or a number", key_node.start_mark)
            key = self.construct_object(key_node)
            if key in seen:
                first = seen[key].line + 1
                raise _fault(f"the key '{str(key)[:80]}' is written twice; first in line {first}", key_node.start_mark)
            seen[key] = key_node.start_mark
        return super().construct_mapping(node, deep)


Loader.yaml_implicit_resolvers = {}
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
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    if len(node.value) > 400:  # more than any float has; Python refuses to read 4300
        raise _fault("the number is too long: a number has at most 400 digits", node.start_mark)
    return int(node.value)  # YAML 1.1 would read 010 as octal


Loader.add_constructor("tag:yaml.org,2002:int", _decimal)


_REMEDIES = {
    "mapping values are not allowed here": 'quote a text that contains ": " (prompt: "dawn: a beach"), or check the indentation',
    "found character '\\t' that cannot start any token": "indent with spaces instead of tabs",
    "could not find expected ':'": "write each key as key: value",
    "expected <block end>": "check the indentation: keys of one mapping begin in the same column",
    "found unexpected end of stream": "close the quotes",
}
"""What the parser says, or begins with, and what to do about it."""


def _remedy(problem: str) -> str:
    return next((remedy for words, remedy in _REMEDIES.items() if problem.startswith(words)), "fix the YAML at that place")


def _fault(message: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=message, problem_mark=mark)


def read_yaml(text: str, name: str) -> tuple[Any, yaml.Node | None]:
    """Plain data, and the tree of nodes that knows the places.

    Raises:
        SpecError: the text is not well-formed, or uses what a spec may not.
    """
    loader = None
    try:
        loader = Loader(text)
        root = loader.get_single_node()
        return (loader.construct_document(root) if root is not None else {}), root
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = printable(error.problem or error.context or "this is not valid YAML")
        bound = "block scalar" in (error.context or "") or "'>'" in what
        hint = "put quotes around a text that begins with > or |: '>= 0.9'" if bound else _remedy(what)
        raise SpecError(f"{name}:{line}:{column}: {what}", hint=hint) from None
    except (OverflowError, ValueError):  # PyYAML asks for a character beyond the last one, which Python has not
        mark = loader.get_mark() if loader is not None else None
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = "an escape such as \\U0001F388 in double quotes names no character: there are none beyond 10FFFF"
        raise SpecError(f"{name}:{line}:{column}: {what}", hint="fix the escape at that place") from None
    except yaml.reader.ReaderError as error:
        line, column = place_of(text[: error.position])
        raise SpecError(
            f"{name}:{line}:{column}: the character U+{error.character:04X} is not allowed in text", hint="take it out"
        ) from None
    finally:
        if loader is not None:
            loader.dispose()
