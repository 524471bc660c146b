"""What is on offer to a document: the built-in parts, and those of the plugins that it mentions or that were passed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar, cast

from vstar_sdk.errors import PluginError, SpecError, SpecPath
from vstar_sdk.options import Options
from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.plugin.plugin import Plugin
from vstar_sdk.plugin.probe import gate
from vstar_sdk.spec.composition import Composer
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.guard import Guard
from vstar_sdk.spec.mentions import absent, listed, mentions
from vstar_sdk.spec.problems import located
from vstar_sdk.spec.run_spec import RunSpec

S = TypeVar("S", bound=Options)
R = TypeVar("R", bound=RunSpec)

_KEPT = 32
"""Sets of plugins whose models are kept."""


@dataclass(frozen=True)
class Offer:
    """The plugins whose parts are on offer to a document; two are equal where the plugins' hooks are the same.

    Models are made once for each, for pydantic lets go of no model with validators: thousands of specs that name one plugin would
    hold gigabytes.

    Attributes:
        identities: of all plugins.
        taking_part: namespaces of those whose hooks may take part.
        passed: those that were passed.
        mentioned: those that the document mentions, and where.
        document: which one.
    """

    identities: tuple[object, ...]
    taking_part: frozenset[str]
    passed: tuple[Plugin, ...] = field(compare=False)
    mentioned: tuple[tuple[Plugin, SpecPath], ...] = field(compare=False)
    document: Document = field(compare=False)

    def catalog(self) -> Catalog:
        """The built-in parts and theirs.

        Raises:
            PluginError: one cannot register its parts.
        """
        catalog = discovery.built_in_catalog()
        for plugin in self.passed:
            catalog.add(plugin)
        for plugin, path in self.mentioned:
            with _located(self.document, path):
                catalog.add(plugin)
        return catalog


@lru_cache(maxsize=_KEPT)
def composed(offer: Offer, base: type[R]) -> tuple[Catalog, type[R]]:
    """The catalog of an offer, and the model that validates specs against it.

    Raises:
        PluginError: a plugin cannot register its parts.
    """
    catalog = offer.catalog()
    return catalog, cast(type[R], Composer(catalog, offer.taking_part).run_spec(base))


@lru_cache(maxsize=_KEPT)
def composed_section(offer: Offer, section: type[S]) -> tuple[Catalog, type[S]]:
    """The catalog of an offer, and a section whose parts are chosen from it.

    Raises:
        PluginError: a plugin cannot register its parts.
    """
    catalog = offer.catalog()
    return catalog, Composer(catalog).section(section)


def offered(document: Document, passed: tuple[Plugin, ...], guard: Guard | None) -> Offer:
    """What is on offer to a document.

    A namespace before a part's name that nobody brings fails by that name when it is validated.

    Args:
        document: that may mention plugins.
        passed: plugins that are on offer to every document.
        guard: which plugins may be imported.

    Raises:
        SpecError: a plugin that the document lists is not installed, or not allowed.
        PluginError: a plugin that it mentions is broken.
    """
    installed = discovery.installed()
    own = {plugin.namespace for plugin in passed}
    if guard is not None:
        named = {**mentions(document.data), **listed(document.data)}
        guard.check_plugins({name: path for name, path in named.items() if name not in own}, document)
    for name, path in listed(document.data).items():
        if name not in installed and name not in own:
            raise SpecError(located(document, path, absent(name, installed)), hint="install it, or remove it", path=path)
    paths = {namespace: path for namespace, path in mentions(document.data).items() if namespace in installed}
    gate.faults(discovery.targets({namespace: installed[namespace] for namespace in paths}))
    mentioned: list[tuple[Plugin, SpecPath]] = []
    for namespace, path in paths.items():
        with _located(document, path):
            mentioned.append((discovery.load_one(namespace, installed[namespace]), path))
    plugins = *passed, *(plugin for plugin, _ in mentioned)
    taking_part = frozenset({*listed(document.data), *own})
    return Offer(tuple(plugin.identity for plugin in plugins), taking_part, passed, tuple(mentioned), document)


@contextmanager
def _located(document: Document, path: SpecPath) -> Generator[None]:
    """A plugin's fault is told with the place that mentions the plugin."""
    try:
        yield
    except PluginError as error:
        raise PluginError(located(document, path, error.message), hint=error.hint) from error
