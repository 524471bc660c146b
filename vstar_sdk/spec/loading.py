"""From a file, text or mapping to a validated spec."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

from pydantic import ValidationError

from vstar_sdk.errors import ModelError, SpecError, SpecPath
from vstar_sdk.options import Options
from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.plugin.plugin import Plugin, given
from vstar_sdk.plugin.resolution import PluginResolver
from vstar_sdk.resolver import Resolver
from vstar_sdk.spec.composition import Composer
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.guard import Guard
from vstar_sdk.spec.layers import read_document, with_plugins
from vstar_sdk.spec.listing import taking_part
from vstar_sdk.spec.mentions import listed, mentions
from vstar_sdk.spec.offered import composed, composed_section, offered
from vstar_sdk.spec.problems import located, spec_error
from vstar_sdk.spec.run_spec import RunSpec
from vstar_sdk.spec.sweep_keys import SWEEP

S = TypeVar("S", bound=Options)


@dataclass(frozen=True)
class LoadedSpec:
    """A valid spec, the text it came from, and the parts that it may name.

    It can be pickled where the plugins that were passed can: they and the text travel, and it is validated again where it
    arrives, against the plugins that are installed there. Two are equal where spec and text are.

    Attributes:
        spec: the validated model.
        document: where it was written.
        catalog: the parts it was validated against.
        participants: the plugins whose other hooks take part, in order: those that the spec lists, then those that were passed.
        given: the plugins that were passed.
        guard: what it was found to keep to; None: everything was allowed.
    """

    spec: RunSpec
    document: Document
    catalog: Catalog = field(compare=False)
    participants: tuple[Plugin, ...] = field(default=(), compare=False)
    given: tuple[Plugin, ...] = field(default=(), compare=False)
    guard: Guard | None = field(default=None, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by value; see the class."""
        return _validate, (self.document, self.given, None, self.guard)

    def joined(self, plugins: Iterable[object] = (), guard: Guard | None = None) -> LoadedSpec:
        """The same spec, validated anew where more plugins are passed, or it was not held to the guard.

        Args:
            plugins: see `load_spec`.
            guard: what it must keep to; None for its own.

        Raises:
            SpecError: see `load_spec`.
            PluginError: see `load_spec`.
        """
        names, passed = _passed(plugins)
        guard = guard or self.guard
        if not names and not passed and guard == self.guard:
            return self
        return _validate(with_plugins(self.document, names), (*self.given, *passed), guard=guard)

    def error(self, error: SpecError) -> SpecError:
        """An error found later, with the place of its path written before it."""
        return SpecError(located(self.document, error.path, error.message), hint=error.hint, path=error.path)

    def model_error(self, error: ModelError) -> ModelError:
        """What the model's files lack, with the place of the model written before it."""
        return ModelError(f"{located(self.document, ('model',), '')}: {error.message}", hint=error.hint)


class _PortableSpec(RunSpec):
    """A spec that can be pickled, though its class is composed at run time: as data, validated again where it arrives."""

    given: ClassVar[tuple[Plugin, ...]] = ()
    """The plugins that were passed."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _validated, (self.model_dump(mode="json", exclude_unset=True), self.given)


def load_spec(
    source: str | Path | Mapping[str, Any] | RunSpec,
    *,
    prompt: str | None = None,
    overrides: Iterable[str] = (),
    plugins: Iterable[object] = (),
    defaults: Document | None = None,
    guard: Guard | None = None,
) -> LoadedSpec:
    """Read and validate a spec.

    Args:
        source: a file's path (of an MP4 that carries its spec, too; ``-`` is standard input), a prompt of several words, a
            mapping, or a spec that is validated already.
        prompt: takes the place of the spec's own.
        overrides: assignments such as ``"sampling.steps=50"`` or ``"regularizers[0].sigma.0=2"``, applied in order.
        plugins: take part besides the spec's, after them: names of installed ones, which join its ``plugins``, and objects with
            hook implementations.
        defaults: count where the spec is silent; see `vstar_sdk.spec.defaults`.
        guard: what it may reach, for the spec of a stranger. The source itself and all else here are the caller's.

    Raises:
        SpecError: something in it is wrong or not allowed, or it names a plugin that is not installed; the message lists each
            problem with its place.
        PluginError: a plugin that it names, or that is passed, is broken.
    """
    names, passed = _passed(plugins)
    document = read_document(source, prompt=prompt, overrides=overrides, plugins=names, defaults=defaults)
    if SWEEP in document.data:
        raise SpecError(
            located(document, (SWEEP,), "this spec has a key 'sweep', so it describes many runs"),
            hint="use `vstar sweep`, or remove the key 'sweep'",
            path=(SWEEP,),
        )
    loaded = _validate(document, passed, guard=guard)
    if prompt is not None and loaded.spec.synopsis.part == "states":
        raise SpecError(
            "--prompt: the spec lists its states, so the prompt has no effect",
            hint="change the states, or use another synopsis part: --set 'synopsis={use: miniworld}'",
            path=("prompt",),
        )
    return loaded


def load_document(document: Document, *, plugins: Iterable[object] = (), guard: Guard | None = None) -> LoadedSpec:
    """Validate a document that was read already; see `load_spec`."""
    names, passed = _passed(plugins)
    return _validate(with_plugins(document, names), passed, guard=guard)


def _passed(plugins: Iterable[object]) -> tuple[list[str], tuple[Plugin, ...]]:
    """Names and objects among the plugins that were passed."""
    if isinstance(plugins, str):
        raise SpecError("plugins: must be a list of names and objects, not a text", hint=f"write plugins=[{plugins!r}]")
    plugins = list(plugins)
    return [name for name in plugins if isinstance(name, str)], tuple(given(one) for one in plugins if not isinstance(one, str))


class SpecLoader:
    """Validates many specs, each as `load_document` does; parts are gathered once for each set of plugins that specs mention.

    Args:
        plugins: see `load_spec`.
        guard: see `load_spec`.
    """

    def __init__(self, plugins: Iterable[object] = (), guard: Guard | None = None) -> None:
        self._names, self._passed = _passed(plugins)
        self._guard = guard
        self._known: dict[object, _Composed] = {}

    def load(self, document: Document) -> LoadedSpec:
        """Validate a document.

        Raises:
            SpecError: see `load_spec`.
            PluginError: see `load_spec`.
        """
        document = with_plugins(document, self._names)
        mentioned = tuple(listed(document.data)), tuple(sorted(mentions(document.data)))
        if mentioned not in self._known:
            self._known[mentioned] = _compose(document, self._passed, self._guard)
        return _validate(document, self._passed, self._known[mentioned], self._guard)


def load_section(
    document: Document, section: type[S], plugins: Iterable[object] = (), *, guard: Guard | None = None
) -> tuple[S, Catalog]:
    """Validate a document that holds something else than a run, in which parts are chosen as in a spec.

    Args:
        document: as it was written.
        section: a model with fields that are marked `PartOf`.
        plugins: see `load_spec`.
        guard: see `load_spec`.

    Returns:
        The validated model, and the catalog that makes its parts.

    Raises:
        SpecError: see `load_spec`.
        PluginError: see `load_spec`.
    """
    _check_texts(document)
    passed = _passed(plugins)[1]
    shared, model = composed_section(offered(document, passed, guard), section)
    catalog = copy.copy(shared)
    catalog.resolver = _resolver(taking_part((), catalog.known, passed), guard)
    try:
        valid = model.model_validate(document.data)
    except ValidationError as error:
        raise spec_error(error, document, model) from None
    if guard is not None:
        guard.check(valid, document)
    return valid, catalog


_Composed = tuple[Catalog, type[_PortableSpec]]


def _compose(document: Document, passed: tuple[Plugin, ...], guard: Guard | None) -> _Composed:
    """What a document is validated with."""
    if not passed and not listed(document.data) and not mentions(document.data):
        return _built_in()
    catalog, model = composed(offered(document, passed, guard), _PortableSpec)
    model.given = passed
    return catalog, model


@cache
def _built_in() -> _Composed:
    """What a document that names no plugin is validated with."""
    catalog = discovery.built_in_catalog()
    return catalog, cast(type[_PortableSpec], Composer(catalog, set()).run_spec(_PortableSpec))


def _check_texts(document: Document) -> None:
    for path, text in _texts(document.data, ()):
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise SpecError(located(document, path, "has an invalid character (a lone surrogate)"), path=path)


def _validate(
    document: Document, passed: tuple[Plugin, ...], composed: _Composed | None = None, guard: Guard | None = None
) -> LoadedSpec:
    _check_texts(document)
    shared, model = composed or _compose(document, passed, guard)
    try:
        spec = model.model_validate(document.data)
    except ValidationError as error:
        raise spec_error(error, document, model) from None
    if not spec.prompt.strip() and not _lists_states(spec.synopsis):
        raise SpecError(
            located(document, (), "the spec has no prompt"),
            hint="write 'prompt: ...', or list the states under 'synopsis: {use: states, states: [...]}'",
        )
    if guard is not None:
        guard.check(spec, document)
    catalog = copy.copy(shared)  # the resolver is this spec's own: the options of its plugins may be
    try:
        participants = taking_part(spec.plugins, catalog.known, passed)
    except SpecError as error:
        raise SpecError(located(document, error.path, error.message), hint=error.hint, path=error.path) from None
    catalog.resolver = _resolver(participants, guard)
    return LoadedSpec(spec, document, catalog, participants, passed, guard)


def _resolver(participants: tuple[Plugin, ...], guard: Guard | None) -> Resolver:
    resolver = PluginResolver(participants)
    return resolver if guard is None else guard.resolver(resolver)


def _validated(data: dict[str, Any], given: tuple[Plugin, ...]) -> RunSpec:
    """A pickled spec again."""
    return _validate(Document(data), given).spec


def _lists_states(synopsis: Options) -> bool:
    """Whether the states are written in the spec: by this part, or by one inside it, which it changes."""
    inner = (value for value in dict(synopsis).values() if isinstance(value, Options))
    return synopsis.part == "states" or any(map(_lists_states, inner))


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
