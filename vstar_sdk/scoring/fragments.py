"""What is scored, from its texts: names of parts, parts with options, values of a spec, files that hold some keys of one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vstar_sdk.errors import SpecError
from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.catalog import Catalog, nearest
from vstar_sdk.plugin.kinds import KINDS, Kind
from vstar_sdk.reading.escapes import printable
from vstar_sdk.spec import document as documents
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.names import written_out
from vstar_sdk.spec.overrides import overridden

LISTS = ("regularizers", "finish", "plugins")
"""Keys of a fragment whose items add up."""
KEYS = ("negative_prompt", "synopsis", "timeline", "regularizers", "sampling", "finish", "plugins")
"""Keys that a fragment may set: all else is the same on both sides."""

_FILES = (".yaml", ".yml", ".json")
_HINT = "a name (tar), a part ('{use: tar, sigma: {0: 4}}'), a value (sampling.noise=acme/pink), or a file with such keys"


@dataclass(frozen=True)
class Fragment:
    """Some keys of a spec.

    Attributes:
        label: what to call it.
        data: plain data, every name alone written out.
        folder: where relative paths in it begin; None: they are of no file.
    """

    label: str
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    folder: Path | None = None


Written = str | Mapping[str, Any]
"""Of what is scored: see `read_fragment`."""


def read_fragment(parts: Sequence[Written]) -> Fragment:
    """A fragment of what is written on a command line, or in a program; several parts are a combination.

    Args:
        parts: each the name of a part (all parts of that name take part), a mapping with ``use`` and options, an assignment
            ``PATH=VALUE``, or the name of a YAML or JSON file with keys of a spec. In a program, a mapping may be one itself, or
            hold keys of a spec.

    Raises:
        SpecError: one of them is none of these, or two of them set the same.
        PluginError: a plugin that one of them names is not installed, or broken.
    """
    label, data, folder = list[str](), dict[str, Any](), None
    for part in parts:
        one = _read(part) if isinstance(part, str) else _of_mapping(part)
        if one.folder is not None and folder not in (None, one.folder):
            raise SpecError(f"{one.label}: combined files must be in one folder", hint="copy them into one")
        folder = folder or one.folder
        label.append(one.label)
        data = _joined(data, one.data, one.label)
    return Fragment(" + ".join(label), data, folder)


def applied(base: Mapping[str, Any], fragment: Fragment) -> dict[str, Any]:
    """A spec with the keys of a fragment: lists are added, all else takes the place of what was there."""
    data = dict(base)
    for key, value in fragment.data.items():
        if key in LISTS:
            data[key] = [*data.get(key, []), *value]
        elif key == "sampling":
            data[key] = {**data.get(key, {}), **value}
        else:
            data[key] = value
    return data


def _read(text: str) -> Fragment:
    shown = printable(text)
    if not text.strip():
        raise SpecError("a part to score is empty", hint=_HINT)
    if text.lower().endswith(_FILES):
        if not Path(text).exists():
            raise SpecError(f"there is no file {shown}", hint=f"write {_HINT}")
        document = documents.read(Path(text))
        return Fragment(Path(text).stem, _checked(document, shown), document.folder)
    if text.lstrip().startswith("{"):
        data = documents.parse(text, name=shown).data
        if not isinstance(data.get("use"), str):
            raise SpecError(f"{shown}: a part has a key 'use'", hint=_HINT)
        return _of_mapping(data)
    if "=" in text:
        return Fragment(shown, _checked(overridden(Document({"regularizers": []}), text), shown))
    return Fragment(text, _placed(text, {"use": text}))


def _of_mapping(data: Mapping[str, Any]) -> Fragment:
    """A part with options, or keys of a spec."""
    if isinstance(data.get("use"), str):
        return Fragment(_label(data), _placed(data["use"], data))
    return Fragment(_label(data), _checked(Document(dict(data)), "a part to score"))


def _label(part: Mapping[str, Any]) -> str:
    """``tar sigma 4`` for a mapping."""
    others = re.sub(r"[{}'\"\[\]]", "", ", ".join(f"{key} {value}" for key, value in part.items() if key != "use"))
    return printable(f"{part.get('use', '')} {others}".strip())


def _checked(document: Document, shown: str) -> dict[str, Any]:
    """The keys of a fragment.

    Raises:
        SpecError: it sets what is the same on both sides, or something in another shape.
    """
    data = dict(written_out(document.data))
    if data.get("regularizers") == [] and not any(path[:1] == ("regularizers",) for path in document.given):
        data.pop("regularizers")
    data.pop("version", None)
    for key, value in data.items():
        place = document.place((key,)) or shown
        if key not in KEYS:
            raise SpecError(f"{place}: {key} is not what a score compares", hint=f"a file of parts may set {', '.join(KEYS)}")
        if not isinstance(value, list if key in LISTS else dict if key == "sampling" else object):
            raise SpecError(f"{place}: {key}: write a {'list' if key in LISTS else 'mapping'}", path=(key,))
    return data


def _placed(name: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """Parts of a name in their places in a spec.

    Raises:
        SpecError: no part has that name, or several have and options are given.
        PluginError: its plugin is not installed, or broken.
    """
    kinds = _kinds(name)
    if len(kinds) > 1 and len(part) > 1:
        ways = " or ".join(f"{kind.path[-1]}" for kind in kinds)
        raise SpecError(
            f"'{name}' is the name of {len(kinds)} parts ({', '.join(kind.word for kind in kinds)})",
            hint=f"say where its options go, as a value of {ways}: 'sampling.noise={{use: {name}, ...}}'",
        )
    data: dict[str, Any] = {}
    for kind in kinds:
        node: dict[str, Any] = data
        *above, last = map(str, kind.path)
        for key in above:
            node = node.setdefault(key, {})
        node[last] = [dict(part)] if kind.many else dict(part)
    return data


def _kinds(name: str) -> list[Kind]:
    """The kinds that have a part of that name, and a place in a fragment."""
    catalog: Catalog = discovery.built_in_catalog()
    namespace, slash, _ = name.partition("/")
    if slash:
        for plugin in discovery.load([namespace]):
            catalog.add(plugin)
    offered = {kind.name: {part.name for part in catalog.parts(kind.name)} for kind in KINDS.values()}
    able = [kind for kind in KINDS.values() if kind.path and kind.path[0] in KEYS]
    found = [kind for kind in able if name in offered[kind.name]]
    if not found:
        other = next((kind for kind, names in offered.items() if name in names), None)
        if other is not None:
            raise SpecError(f"'{name}' is one of the {other}, which a score does not compare", hint=_HINT)
        near = nearest(name, [one for kind in able for one in sorted(offered[kind.name])])
        guess = f". Did you mean '{near}'?" if near else ""
        raise SpecError(f"there is no part '{printable(name)}' to score{guess}", hint=f"`vstar parts` lists them. Write {_HINT}")
    return found


def _joined(data: Mapping[str, Any], more: Mapping[str, Any], shown: str) -> dict[str, Any]:
    """Two fragments as one.

    Raises:
        SpecError: both set the same.
    """
    joined = dict(data)
    for key, value in more.items():
        if key not in joined:
            joined[key] = value
        elif key in LISTS:
            joined[key] = [*joined[key], *value]
        elif key == "sampling" and not set(joined[key]) & set(value):
            joined[key] = {**joined[key], **value}
        else:
            what = key if key != "sampling" else f"sampling.{min(set(joined[key]) & set(value))}"
            raise SpecError(f"{shown}: {what} is set by another part, too", hint="only regularizers and finishers add up")
    return joined
