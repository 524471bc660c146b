"""Single values of a spec that are set by their path: ``sampling.steps=50``, ``regularizers[0].sigma.0=2``."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, Self, cast

from vstar_sdk.errors import SpecError, SpecPath
from vstar_sdk.plugin.boundary.calls import dotted
from vstar_sdk.spec import document as documents
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.names import written_out
from vstar_sdk.spec.run_spec import DEFAULT_OUTPUT, DEFAULT_REGULARIZERS

_DEFAULTS: dict[str | int, Any] = {"regularizers": DEFAULT_REGULARIZERS, "output": DEFAULT_OUTPUT}
"""Lists that are not empty where a spec leaves them out: ``--set regularizers[0].sigma=2`` means an item of these."""


class ByOption(str):
    """An assignment that another option than ``--set`` stands for, such as ``seed=3``; messages name that option."""

    option: str

    @classmethod
    def of(cls, option: str, assignment: str) -> Self:
        """The assignment of an option.

        Args:
            option: ``--seed``.
            assignment: ``PATH=VALUE``.
        """
        made = cls(assignment)
        made.option = option
        return made


def overridden(document: Document, assignment: str) -> Document:
    """The document with one value set.

    Args:
        document: stays as it is.
        assignment: ``PATH=VALUE``; the value is read as YAML. May be a `ByOption`.

    Raises:
        SpecError: it is not an assignment, or the spec has no such place.
    """
    target, equals, text = assignment.partition("=")
    path = spec_path(target)
    origin = assignment.option if isinstance(assignment, ByOption) else f"--set {target}"
    if not equals or not path:
        raise SpecError(f"--set {assignment}: write PATH=VALUE, such as sampling.steps=50")
    if not text.strip():
        return with_value(document, path, None, origin)
    data = documents.parse(f"value: {text}", name=origin).data
    if list(data) != ["value"]:
        raise SpecError(f"{origin}: write one value, in one line")
    return with_value(document, path, data["value"], origin)


def with_value(document: Document, path: SpecPath, value: Any, origin: str) -> Document:
    """The document with one value set.

    Args:
        document: stays as it is.
        path: of the value; see `spec_path`.
        value: plain data.
        origin: what to call its place in messages: ``--set sampling.steps``.

    Raises:
        SpecError: the spec has no such place.
    """
    data = copy.deepcopy(written_out(document.data))
    *steps, last = path
    if steps and steps[0] in _DEFAULTS:
        data.setdefault(steps[0], copy.deepcopy(_DEFAULTS[steps[0]]))
    node: Any = data
    for step in steps:
        if isinstance(node, dict):
            node = cast(dict[Any, Any], node).setdefault(step, {})
        else:
            node = node[step] if _has_item(node, step) else None
    if isinstance(node, dict) or _has_item(node, last):
        node[last] = value
        return replace(document, data=data, given={**document.given, path: origin})
    raise SpecError(f"{origin}: the spec has no '{dotted(path)}'", hint="items of a list are named by index, from 0")


def _has_item(node: Any, step: str | int) -> bool:
    return isinstance(node, list) and isinstance(step, int) and step < len(cast(list[Any], node))


def spec_path(target: str) -> SpecPath:
    """The path that a text such as ``regularizers[0].sigma.0`` means."""
    items = target.replace("[", ".").replace("]", "").split(".")
    return tuple(int(item) if item.isascii() and item.isdigit() and len(item) < 10 else item for item in items if item)
