"""A spec as YAML text."""

from __future__ import annotations

from typing import Any, cast

import yaml
from pydantic_core import to_jsonable_python

from vstar_sdk.reading.yaml_reader import Loader
from vstar_sdk.spec.run_spec import RunSpec


def to_yaml(spec: RunSpec) -> str:
    """The spec as YAML text that loads to the same spec; parts begin with their ``use``."""
    return as_yaml(spec.model_dump(exclude_none=True))


def as_yaml(data: Any) -> str:
    """Plain data as YAML text that our reader reads as the same data: a text that looks like a number stays a text."""
    return yaml.dump(_plain(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


_TEXT = "tag:yaml.org,2002:str"


class _Dumper(yaml.SafeDumper):
    """Writes short lists and mappings of numbers in one line, and empty ones as they are.

    Quotes whatever our reader, or one of YAML 1.1, would take for something other than text.
    """

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        return super().represent_sequence(tag, sequence, flow_style=_numbers(sequence))

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        return super().represent_mapping(tag, mapping, flow_style=bool(mapping) and _numbers(mapping))

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Characters that are not letters as escapes: YAML folds some of them, a terminal obeys others."""
        return self.represent_scalar(_TEXT, text, None if text.isprintable() else '"')  # pyright: ignore[reportUnknownMemberType]


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.yaml_implicit_resolvers = {
    first: [*yaml.SafeDumper.yaml_implicit_resolvers.get(first, []), *Loader.yaml_implicit_resolvers.get(first, [])]
    for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *Loader.yaml_implicit_resolvers}
}


def _numbers(items: Any) -> bool:
    return all(isinstance(item, int | float) for item in items)


def _plain(value: Any) -> Any:
    """Mappings, lists and scalars alone, ``use`` before the options next to it."""
    if isinstance(value, dict):
        mapping = cast(dict[Any, Any], value)
        first = {"use": mapping["use"]} if "use" in mapping else {}
        return first | {key: _plain(item) for key, item in mapping.items() if key != "use"}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast(list[Any], value)]
    if value is None or type(value) in (str, int, float, bool):
        return value
    written = to_jsonable_python(value)  # a path, an enum, a set, ...: whatever a plugin's options hold
    return _plain(written) if isinstance(written, list | dict) else written
