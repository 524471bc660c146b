"""Finding plugins: the built-in parts by scanning their packages, others by entry points and only when they are named."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
from collections.abc import Iterable, Iterator
from types import ModuleType

from vstar_sdk.errors import PluginError
from vstar_sdk.hooks.catalog import Catalog
from vstar_sdk.hooks.plugin import CORE, Plugin
from vstar_sdk.parts import PROJECT

BUILT_IN = tuple(f"vstar_sdk.{room}" for room in ("models", "regularizers", "synopsis", "output", "miniworld"))
"""Packages whose modules offer the built-in parts: a new part is one new file in one of them."""


def built_in_catalog() -> Catalog:
    """A catalog of the parts that the package itself brings."""
    catalog = Catalog()
    for module in _part_modules():
        catalog.add(Plugin(CORE, module, f"vstar-sdk {importlib.metadata.version('vstar-sdk')}"))
    return catalog


def _part_modules() -> Iterator[ModuleType]:
    """Modules of the built-in rooms that implement hooks.

    Told by their source, so that a module without parts (and all that it imports) stays unimported.
    """
    for package in BUILT_IN:
        path = importlib.import_module(package).__path__
        for info in pkgutil.iter_modules(path, f"{package}."):
            source = _source(info.name)
            if source is None or "\n@hookimpl" in source:
                yield importlib.import_module(info.name)


def _source(name: str) -> str | None:
    spec = importlib.util.find_spec(name)
    get_source = getattr(spec.loader if spec else None, "get_source", None)
    return get_source(name) if get_source else None


def installed() -> dict[str, list[importlib.metadata.EntryPoint]]:
    """Entry points of the group by namespace, from metadata alone; more than one claim is a conflict."""
    found: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for point in importlib.metadata.entry_points(group=PROJECT):
        found.setdefault(point.name, []).append(point)
    return found


def load(namespaces: Iterable[str]) -> list[Plugin]:
    """Import the plugins of these namespaces.

    Raises:
        PluginError: one is not installed, is claimed twice, fails to import or breaks a hook's contract.
    """
    points = installed()
    return [_load(namespace, points.get(namespace, [])) for namespace in namespaces]


def _load(namespace: str, claims: list[importlib.metadata.EntryPoint]) -> Plugin:
    if not claims:
        raise PluginError(
            f"no installed package brings the plugin '{namespace}'",
            hint=f"install it (its name is often vstar-{namespace}), or take it out of the spec",
        )
    who = " and ".join(_distribution(point) for point in claims)
    if namespace == CORE or len(claims) > 1:
        raise PluginError(f"the namespace '{namespace}' is claimed by {who}", hint="uninstall all but one of them")
    try:
        source = claims[0].load()
    except (Exception, SystemExit) as error:
        raise PluginError(f"plugin {namespace} ({who}) cannot be imported: {type(error).__name__}: {error}") from error
    return Plugin(namespace, source, who)


def _distribution(point: importlib.metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
