"""A spec as it is written, with all that is written over it: defaults, another prompt, values, plugins. Nothing is validated."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from vstar_sdk.errors import SpecError
from vstar_sdk.plugin.boundary.calls import described
from vstar_sdk.reading.places import check_size
from vstar_sdk.spec import sources
from vstar_sdk.spec.defaults import beneath
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.mentions import listed
from vstar_sdk.spec.overrides import overridden, with_value
from vstar_sdk.spec.run_spec import RunSpec


def read_document(
    source: str | Path | Mapping[str, Any] | RunSpec,
    *,
    prompt: str | None = None,
    overrides: Iterable[str] = (),
    plugins: Iterable[str] = (),
    defaults: Document | None = None,
) -> Document:
    """Read a spec, with all that is written over it.

    Args:
        source: see `vstar_sdk.load_spec`.
        prompt: see `vstar_sdk.load_spec`.
        overrides: see `vstar_sdk.load_spec`.
        plugins: names of installed ones, which join its ``plugins``.
        defaults: see `vstar_sdk.load_spec`.

    Raises:
        SpecError: it cannot be read, or has no such place.
    """
    if isinstance(source, RunSpec):
        document = Document(source.model_dump(mode="json", exclude_unset=True))  # a part may tell a default from a choice
    elif isinstance(source, Mapping):
        check_size(source)
        document = Document(copy.deepcopy(dict(source)))
    elif isinstance(cast(object, source), str | os.PathLike):
        document = sources.read(source)
    else:
        raise SpecError(f"a spec is a path, a prompt, a mapping or a RunSpec, not {described(source)}")
    if defaults is not None:
        document = beneath(document, defaults)
    if prompt is not None:
        document = with_value(document, ("prompt",), prompt, "--prompt")
    for assignment in overrides:
        document = overridden(document, assignment)
    return with_plugins(document, plugins)


def with_plugins(document: Document, names: Iterable[str]) -> Document:
    """The document with more names under ``plugins``."""
    for name in names:
        written: Any = document.data.get("plugins") or []
        if isinstance(written, list) and name not in listed(document.data):
            path = ("plugins", len(cast(list[Any], written)))
            data = {**document.data, "plugins": [*cast(list[Any], written), name]}
            document = replace(document, data=data, given={**document.given, path: f"--plugin {name}"})
    return document
