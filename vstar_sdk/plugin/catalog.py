"""The catalog: every part that specs can name, by kind and name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vstar_sdk.errors import PluginError, SpecError, SpecPath
from vstar_sdk.models.unsuited import reason
from vstar_sdk.options import Options
from vstar_sdk.plugin import nested
from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.contract import Contained
from vstar_sdk.plugin.boundary.faults import contained
from vstar_sdk.plugin.families import Families, FamilyRegistration
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.plugin.part import Part
from vstar_sdk.plugin.plugin import CORE, Plugin
from vstar_sdk.plugin.registration import PartRegistration, TemplateRegistration, checked
from vstar_sdk.resolver import Resolver


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
        self.known: dict[str, Plugin] = {}
        """Every plugin that was added, with parts or without, by namespace; not the core."""
        self.resolver = Resolver()
        """Given to every factory that takes a keyword ``resolver``."""

    def add(self, plugin: Plugin) -> None:
        """Take in all parts of a plugin, or none.

        Raises:
            PluginError: one of its ``register_*`` functions failed, or another plugin has its namespace.
        """
        if not any(hook.startswith("register_") for hook in plugin.hooks):
            self.namespaces.add(plugin.namespace)
            self.known[plugin.namespace] = plugin
            return
        other = self.plugins.get(plugin.namespace)
        if other is not None:
            raise PluginError(
                f"the namespace '{plugin.namespace}' is claimed by {other.distribution} and {plugin.distribution}",
                hint="uninstall one of them; an object that is passed can set its attribute 'namespace'",
            )
        staged: dict[str, dict[str, Part]] = {kind: {} for kind in KINDS}
        templates: dict[str, Path] = {}
        for kind in KINDS:
            for call in plugin.implementations(KINDS[kind].hook):
                self._collect(plugin, call, PartRegistration(plugin, kind, self._parts[kind], staged[kind]))
        for call in plugin.implementations("register_templates"):
            self._collect(plugin, call, TemplateRegistration(plugin, templates))
        families = FamilyRegistration(plugin, self.families)
        for call in plugin.implementations("register_families"):
            self._collect(plugin, call, families)
        for kind, parts in staged.items():
            self._parts[kind].update(parts)
        self.templates.update(templates)
        self.families.update(families.staged)
        self.namespaces.add(plugin.namespace)
        if plugin.namespace != CORE:
            self.plugins[plugin.namespace] = self.known[plugin.namespace] = plugin

    @staticmethod
    def _collect(plugin: Plugin, call: Callable[..., None], register: Any) -> None:
        with contained(f"plugin {plugin} failed to register"):
            call(register=checked(plugin, register))

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
            raise SpecError(self.unknown(kind, name)) from None

    def unknown(self, kind: str, name: str) -> str:
        """The message for a name that is not on offer: what it is elsewhere, the nearest name, or all names."""
        for other, parts in self._parts.items():
            if name in parts:
                there = f" and goes under {KINDS[other].place}" if KINDS[other].place else ""
                return f"'{name}' is not {_article(KINDS[kind].word)}: it is {_article(KINDS[other].word)}{there}."
        if name in self.templates:
            return f"'{name}' is not {_article(KINDS[kind].word)}: it is a synopsis template and goes under synopsis.template."
        return unknown_part(kind, name, self._parts[kind])

    def make(self, kind: str, options: Options | str | float, *, path: SpecPath | None = None) -> Any:
        """Call a part's factory with its validated options.

        The parts nested in them are made first and passed by name; a factory that takes ``resolver`` is given the run's.

        Args:
            kind: a key of `KINDS`.
            options: of the part; or what stands for it, see `Plain`.
            path: where the spec holds them; None for the kind's own place.
        """
        part, options = self.chosen(kind, options)
        return self._make(part, options, KINDS[kind].path if path is None else path)

    def chosen(self, kind: str, value: Options | str | float) -> tuple[Part, Options]:
        """The part that a place in the spec chooses, and its options.

        Args:
            kind: a key of `KINDS`.
            value: validated options; or what stands for a part, see `Plain`.

        Raises:
            SpecError: it names no part, or one with options that must be written. The path is ``()``.
        """
        if isinstance(value, Options):
            return self._meant(kind, value), value
        plain = KINDS[kind].plain
        if value in self._parts[kind] or not plain.part:
            part, given = self.part(kind, str(value)), {}
        else:
            part, given = self.part(kind, plain.part), {plain.option: value}
        try:
            return part, part.options.model_validate(given)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)[0]
            option = ".".join(map(str, wrong["loc"]))
            raise SpecError(
                f"{part.name}: {option}: {wrong['msg']}", hint=f"write its options out: {{use: {part.name}, {option}: ...}}"
            ) from None

    def _make(self, part: Part, options: Options, path: SpecPath) -> Any:
        def inner(kind: str, options: Options | str | float, path: SpecPath) -> Any:
            return self.make(kind, options, path=path)

        given: dict[str, Any] = {
            name: nested.made(annotation, getattr(options, name), inner, (*path, name))
            for name, annotation in nested.nested(part.options).items()
        }
        if _takes_resolver(part.load(path)):
            given["resolver"] = self.resolver
        return part.make(options, path=path, **given)

    def _meant(self, kind: str, options: Options) -> Part:
        """The part of validated options: those of a spec name it, an author's own model may belong to several.

        Raises:
            SpecError: they belong to no part, or to more than one.
        """
        named = getattr(options, "use", None)
        if named is not None:
            return self.part(kind, named)
        parts = [part for part in self.parts(kind) if part.options is type(options)]
        if len(parts) != 1:
            which = " and ".join(part.name for part in parts) or f"not a registered {KINDS[kind].word}"
            raise SpecError(
                f"{type(options).__name__} belongs to {which}",
                hint=f"give a mapping with 'use', or the {KINDS[kind].word} itself",
            )
        return parts[0]

    def contain(self, kind: str, made: Any, path: SpecPath) -> Any:
        """An object that a caller passed as a part, behind the boundary unless it is the package's own or made by the catalog.

        Raises:
            PluginError: it is not a part of this kind.
        """
        if isinstance(made, Contained) or type(made).__module__.partition(".")[0] == "vstar_sdk":
            return made
        call = Call(Origin(f"{type(made).__name__} (passed by the caller)", path), "object")
        return call.checked(lambda made, call: KINDS[kind].promises.contain(made, call.origin), made)


def _takes_resolver(factory: Callable[..., Any]) -> bool:
    try:
        return "resolver" in inspect.signature(factory).parameters
    except (TypeError, ValueError):  # of a builtin, which has no signature
        return False


def _article(word: str) -> str:
    return f"{'an' if word[0].lower() in 'aeiou' or word.startswith('LLM') else 'a'} {word}"


def unknown_part(kind: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is not on offer."""
    known = sorted(known)
    if kind == "models" and (why := reason(name)):
        return f"unknown {KINDS[kind].word} '{name}': {why}."
    message = f"unknown {KINDS[kind].word} '{name}'."
    if near := nearest(name, known):
        return f"{message} Did you mean '{near}'?"
    namespace, slash, _ = name.partition("/")
    there = [one for one in known if one.startswith(f"{namespace}/")] if slash else known
    if not there:
        return f"{message} Is the package that brings the namespace '{namespace}' installed?"
    return f"{message} Known: {', '.join(there)}."


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that is most like a name; the namespace of a plugin's part does not count: all of its parts have it."""
    namespace, _, own = name.rpartition("/")
    there = {one.rpartition("/")[2]: one for one in known if one.rpartition("/")[0] == namespace}
    if namespace and there:
        near = difflib.get_close_matches(own, there, 1, cutoff=0.5)
        return there[near[0]] if near else None
    near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    return near[0] if near else None
