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


class Loader(yaml.SafeLoader):
    """A safe loader without aliases, duplicate keys, tags or the surprises of YAML 1.1."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases and tags before a node is made of them."""
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()
            raise _fault("aliases (*name) are not allowed in a spec: write the value out", event.start_mark)
        event = self.peek_event()
        if getattr(event, "tag", None) not in (None, "!"):
            raise _fault(f"the tag {event.tag} is not allowed in a spec", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse keys that are no scalars or stand twice."""
        seen: dict[Any, Any] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _fault("a key must be plain text or a number", key_node.start_mark)
            key = self.construct_object(key_node)
            if key in seen:
                raise _fault(f"the key '{key}' is written twice; first in line {seen[key].line + 1}", key_node.start_mark)
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
    return int(node.value)  # YAML 1.1 would read 010 as octal


Loader.add_constructor("tag:yaml.org,2002:int", _decimal)


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


def places_in_json(text: str) -> yaml.Node | None:
    """The node tree of JSON text, for places only; JSON has no raw tabs but as white space, which YAML dislikes."""
    try:
        return yaml.compose(text.replace("\t", " "), Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
