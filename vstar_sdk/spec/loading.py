"""From a file, text or mapping to a validated spec."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from vstar_sdk.errors import PluginError, SpecError, SpecPath
from vstar_sdk.hooks import discovery
from vstar_sdk.hooks.catalog import Catalog
from vstar_sdk.spec import document as documents
from vstar_sdk.spec.composition import Composer
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.problems import dotted, located, spec_error
from vstar_sdk.spec.run_spec import RunSpec


@dataclass(frozen=True)
class LoadedSpec:
    """A valid spec, the text it came from, and the parts that it may name.

    Attributes:
        spec: the validated model.
        document: where it was written.
        catalog: the parts it was validated against.
    """

    spec: RunSpec
    document: Document
    catalog: Catalog

    def error(self, error: SpecError) -> SpecError:
        """An error found later, with the place of its path written before it."""
        return SpecError(located(self.document, error.path, error.message), hint=error.hint, path=error.path)


def load_spec(
    source: str | Path | Mapping[str, Any] | RunSpec, *, prompt: str | None = None, overrides: Iterable[str] = ()
) -> LoadedSpec:
    """Read and validate a spec.

    Args:
        source: a file's path, a mapping, or a spec that is validated already.
        prompt: takes the place of the spec's own.
        overrides: assignments such as ``"sampling.steps=50"`` or ``"regularizers[0].sigma.0=2"``, applied in order.

    Raises:
        SpecError: something in it is wrong; the message lists each problem with its place.
        PluginError: it names a plugin that is absent or broken.
    """
    if isinstance(source, RunSpec):
        document = Document(source.model_dump(mode="json"))
    elif isinstance(source, Mapping):
        document = Document(copy.deepcopy(dict(source)))
    else:
        document = documents.read(Path(source))
    if prompt is not None:
        document = _set(document, ("prompt",), prompt, "--prompt")
    for assignment in overrides:
        document = _override(document, assignment)
    loaded = _validate(document)
    if prompt is not None and loaded.spec.synopsis.part == "states":
        raise SpecError(
            "--prompt: the spec writes its states out, so another prompt would change nothing",
            hint="change the states, or give the spec another synopsis part: --set 'synopsis={use: miniworld}'",
            path=("prompt",),
        )
    return loaded


def _validate(document: Document) -> LoadedSpec:
    for path, text in _texts(document.data, ()):
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise SpecError(located(document, path, "holds half of a character (a lone surrogate), which is no text"), path=path)
    catalog = discovery.built_in_catalog()
    for plugin in discovery.load(sorted(_namespaces(document))):
        catalog.add(plugin)
    model = Composer(catalog).run_spec()
    try:
        spec = model.model_validate(document.data)
    except ValidationError as error:
        raise spec_error(error, document, model) from None
    if not spec.prompt.strip() and spec.synopsis.part != "states":
        raise SpecError(
            located(document, (), "the spec has no prompt"),
            hint="write 'prompt: ...', or write the states out under 'synopsis: {use: states, states: [...]}'",
        )
    return LoadedSpec(spec, document, catalog)


def _namespaces(document: Document) -> set[str]:
    """Namespaces of the plugins that a spec mentions and that are installed; the others fail by name when they are validated."""
    named = {use.partition("/")[0] for use in _uses(document.data) if "/" in use}
    listed: list[Any] = cast(list[Any], found) if isinstance(found := document.data.get("plugins"), list) else []
    installed = discovery.installed()
    for index, name in enumerate(listed):
        if isinstance(name, str) and name not in installed:
            raise PluginError(
                located(document, ("plugins", index), f"no installed package brings the plugin '{name}'"),
                hint="install it, or take it out of the spec",
            )
    return {name for name in named if name in installed} | {name for name in listed if isinstance(name, str)}


def _texts(data: Any, path: SpecPath) -> Iterator[tuple[SpecPath, str]]:
    """Every text in the data, keys too, with its path."""
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, dict):
        for key, value in cast(dict[Any, Any], data).items():
            yield from _texts(key, path)
            yield from _texts(value, (*path, key))
    elif isinstance(data, list | tuple):
        for index, item in enumerate(cast(list[Any], data)):
            yield from _texts(item, (*path, index))


def _uses(data: Any) -> Iterator[str]:
    """Every name in the data that may carry a namespace: ``use`` and ``template``."""
    if isinstance(data, dict):
        for key, value in cast(dict[Any, Any], data).items():
            if key in ("use", "template") and isinstance(value, str):
                yield value
            yield from _uses(value)
    elif isinstance(data, list):
        for item in cast(list[Any], data):
            yield from _uses(item)


def _override(document: Document, assignment: str) -> Document:
    """The document with one value set; the value is read as YAML."""
    target, equals, text = assignment.partition("=")
    path = _path(target)
    if not equals or not path:
        raise SpecError(f"--set {assignment}: write PATH=VALUE, such as sampling.steps=50")
    value = documents.parse(f"value: {text}", name=f"--set {target}").data["value"] if text.strip() else None
    return _set(document, path, value, f"--set {target}")


def _set(document: Document, path: SpecPath, value: Any, origin: str) -> Document:
    data = copy.deepcopy(document.data)
    node: Any = data
    for step in path[:-1]:
        if isinstance(node, dict):
            node = cast(dict[Any, Any], node).setdefault(step, {})
        else:
            node = node[step] if _has_item(node, step) else None
    if isinstance(node, dict) or _has_item(node, path[-1]):
        node[path[-1]] = value
        return replace(document, data=data, given={**document.given, path: origin})
    raise SpecError(f"{origin}: the spec has no '{dotted(path)}'", hint="items of a list are named by index, from 0")


def _has_item(node: Any, step: str | int) -> bool:
    return isinstance(node, list) and isinstance(step, int) and step < len(cast(list[Any], node))


def _path(target: str) -> SpecPath:
    items = target.replace("[", ".").replace("]", "").split(".")
    return tuple(int(item) if item.isdigit() else item for item in items if item)
