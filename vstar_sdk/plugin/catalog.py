"""The catalog: every part that specs can name, by kind and name."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstar_sdk.errors import MissingDependency, PluginError, SpecError, VstarError
from vstar_sdk.options import Options, PartOf
from vstar_sdk.plugin.contracts import broken
from vstar_sdk.plugin.families import Families, FamilyRegistration
from vstar_sdk.plugin.faults import contained
from vstar_sdk.plugin.option_models import check_options
from vstar_sdk.plugin.plugin import CORE, NAME, Plugin
from vstar_sdk.resolver import Resolver

KINDS: Mapping[str, str] = {
    "models": "model",
    "regularizers": "regularizer",
    "synopses": "synopsis",
    "llm_backends": "LLM backend",
    "exporters": "exporter",
}
"""Kinds of parts, and what one of them is called in messages."""


@dataclass(frozen=True)
class Part:
    """One part on offer.

    Attributes:
        kind: a key of `KINDS`.
        name: what ``use:`` says: ``tar``, ``acme/banded``.
        options: the author's option model.
        factory: callable, or ``"module:attribute"``.
        summary: one line.
        distribution: package and version that it came from.
    """

    kind: str
    name: str
    options: type[Options]
    factory: str | Callable[..., Any]
    summary: str
    distribution: str

    def load(self) -> Callable[..., Any]:
        """The factory, imported if need be.

        Raises:
            MissingDependency: a package that it needs is not installed.
            PluginError: the import fails in another way, or gives nothing callable.
        """
        if callable(self.factory):
            return self.factory
        module, _, attribute = self.factory.partition(":")
        with contained(f"{self} cannot be imported from {self.factory}", known=(PluginError, MissingDependency)):
            try:
                factory: Any = importlib.import_module(module)
                for name in attribute.split("."):
                    factory = getattr(factory, name)
            except ModuleNotFoundError as error:
                raise MissingDependency(
                    f"{self} needs the package '{error.name}', which is not installed", hint=f"pip install {error.name}"
                ) from error
        if not callable(factory):
            raise PluginError(f"{self}: {self.factory} is not callable")
        return factory

    def make(self, *arguments: Any, **named: Any) -> Any:
        """Call the factory, and check what it returns.

        Raises:
            VstarError: the factory's own: its options cannot be used, or a package is missing.
            PluginError: the factory of a plugin failed in another way, or returned something that is no part of this kind.
        """
        factory = self.load()
        if "/" not in self.name:  # the core's own
            return factory(*arguments, **named)
        with contained(f"{self} cannot be made", known=(VstarError,)):
            made = factory(*arguments, **named)
            how = broken(self.kind, made)
        if how is not None:
            raise PluginError(f"{self}: its factory returned {how}", hint="this is a fault of the plugin: tell its author")
        return made

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution})"


class Catalog:
    """Parts by kind and name, and templates by name."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[str, Part]] = {kind: {} for kind in KINDS}
        self.templates: dict[str, Path] = {}
        self.families = Families()
        self.namespaces: set[str] = set()
        """Of every plugin that was added, with parts or without."""
        self.plugins: dict[str, Plugin] = {}
        """The plugins whose parts are on offer, by namespace; not the core."""
        self.resolver = Resolver()
        """Given to every factory that takes a keyword ``resolver``."""

    def add(self, plugin: Plugin) -> None:
        """Take in all parts of a plugin, or none.

        Raises:
            PluginError: one of its ``register_*`` functions failed, or another plugin has its namespace.
        """
        if not any(hook.startswith("register_") for hook in plugin.hooks):
            self.namespaces.add(plugin.namespace)
            return
        other = self.plugins.get(plugin.namespace)
        if other is not None:
            raise PluginError(
                f"the namespace '{plugin.namespace}' is claimed by {other.distribution} and {plugin.distribution}",
                hint="uninstall one of them; an object that is passed can have another by its attribute 'namespace'",
            )
        staged: dict[str, dict[str, Part]] = {kind: {} for kind in KINDS}
        templates: dict[str, Path] = {}
        for kind in KINDS:
            for call in plugin.implementations(f"register_{kind}"):
                self._collect(plugin, call, _Registration(plugin, kind, self._parts[kind], staged[kind]))
        for call in plugin.implementations("register_templates"):
            self._collect(plugin, call, _TemplateRegistration(plugin, templates))
        families = FamilyRegistration(plugin, self.families)
        for call in plugin.implementations("register_families"):
            self._collect(plugin, call, families)
        for kind, parts in staged.items():
            self._parts[kind].update(parts)
        self.templates.update(templates)
        self.families.update(families.staged)
        self.namespaces.add(plugin.namespace)
        if plugin.namespace != CORE:
            self.plugins[plugin.namespace] = plugin

    @staticmethod
    def _collect(plugin: Plugin, call: Callable[..., None], register: Any) -> None:
        with contained(f"plugin {plugin} failed to register"):
            call(register=register)

    def parts(self, kind: str) -> tuple[Part, ...]:
        """All parts of a kind, by name."""
        return tuple(self._parts[kind][name] for name in sorted(self._parts[kind]))

    def part(self, kind: str, name: str) -> Part:
        """The part of that name.

        Raises:
            SpecError: there is none; the message names the nearest.
        """
        try:
            return self._parts[kind][name]
        except KeyError:
            raise SpecError(unknown_part(kind, name, self._parts[kind])) from None

    def make(self, kind: str, options: Options) -> Any:
        """Call a part's factory with its validated options.

        The parts nested in them are made first and passed by name; a factory that takes ``resolver`` is given the run's.
        """
        given: dict[str, Any] = {
            field: self.make(mark.kind, getattr(options, field))
            for field, info in type(options).model_fields.items()
            for mark in info.metadata
            if isinstance(mark, PartOf)
        }
        part = self.part(kind, options.part)
        if _takes_resolver(part.load()):
            given["resolver"] = self.resolver
        return part.make(options, **given)


def _takes_resolver(factory: Callable[..., Any]) -> bool:
    try:
        return "resolver" in inspect.signature(factory).parameters
    except (TypeError, ValueError):  # of a builtin, which has no signature
        return False


def unknown_part(kind: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is not on offer."""
    known = sorted(known)
    message = f"unknown {KINDS[kind]} '{name}'."
    near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    if near:
        return f"{message} Did you mean '{near[0]}'?"
    if "/" in name:
        return f"{message} Is the package that brings the namespace '{name.partition('/')[0]}' installed?"
    return f"{message} Known: {', '.join(known)}."


class _Names:
    """Checks of names, shared by both kinds of registration."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin

    def full(self, name: str, what: str, taken: Iterable[str]) -> str:
        full = name if self.plugin.namespace == CORE else f"{self.plugin.namespace}/{name}"
        who = f"plugin {self.plugin}"
        if not NAME.match(name):
            raise PluginError(f"{who}: '{name}' is no name for a {what}: lower case letters, digits and hyphens")
        if full in taken:
            raise PluginError(f"{who} registers the {what} '{full}' twice")
        return full


class _Registration(_Names):
    """The `Register` of one plugin and kind."""

    def __init__(self, plugin: Plugin, kind: str, known: Mapping[str, Part], staged: dict[str, Part]) -> None:
        super().__init__(plugin)
        self.kind, self.known, self.staged = kind, known, staged

    def __call__(self, name: str, *, options: type[Options], factory: str | Callable[..., Any], summary: str) -> None:
        full = self.full(name, KINDS[self.kind], {*self.known, *self.staged})
        if self.plugin.namespace != CORE:
            check_options(full, options)
            if not (callable(factory) or (isinstance(factory, str) and ":" in factory)):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise PluginError(f"{full}: the factory must be callable, or a text like 'package.module:Class'")
        self.staged[full] = Part(self.kind, full, options, factory, summary, self.plugin.distribution)


class _TemplateRegistration(_Names):
    """The `RegisterTemplate` of one plugin."""

    def __init__(self, plugin: Plugin, staged: dict[str, Path]) -> None:
        super().__init__(plugin)
        self.staged = staged

    def __call__(self, name: str, path: Path) -> None:
        full = self.full(name, "template", self.staged)
        path = Path(path)
        if not path.is_file():
            raise PluginError(f"template {full}: there is no file {path}")
        self.staged[full] = path
