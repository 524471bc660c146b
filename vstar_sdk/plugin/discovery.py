"""Finding plugins: the built-in parts by scanning their packages, others by entry points and only when they are named."""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

from vstar_sdk.errors import PluginError
from vstar_sdk.plugin import entry_points, switches
from vstar_sdk.plugin.boundary.faults import contained
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.plugin.plugin import CORE, NAME, Plugin
from vstar_sdk.plugin.probe import gate
from vstar_sdk.plugin.probe.target import Target

BUILT_IN = tuple(
    f"vstar_sdk.{room}"
    for room in (
        "models",
        "regularizers",
        "texts",
        "llm",
        "synopsis",
        "sampling",
        "finishers",
        "metrics",
        "output",
        "miniworld",
        "sweeps",
    )
)
"""Packages whose modules offer the built-in parts: a new part is one new file in one of them."""


def built_in_catalog() -> Catalog:
    """A catalog of the parts that the package itself brings."""
    catalog, distribution = Catalog(), f"vstar-sdk {importlib.metadata.version('vstar-sdk')}"
    for module in _part_modules():
        catalog.add(Plugin(CORE, module, distribution))
    return catalog


def _part_modules() -> Iterator[ModuleType]:
    """Modules of the built-in rooms that implement hooks.

    Told by their source, so that a module without parts (and all that it imports) stays unimported.
    """
    for package in BUILT_IN:
        for name, source in _modules(package, importlib.import_module(package).__path__):
            if source is None or b"\n@hookimpl" in source:
                yield importlib.import_module(name)


def _modules(package: str, folders: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
    """The modules of a package and of the rooms inside it with their sources, None without one; none is imported."""
    for info in pkgutil.iter_modules(folders):
        name = f"{package}.{info.name}"
        if info.ispkg:
            yield from _modules(name, [str(Path(folder) / info.name) for folder in folders])
        else:
            yield name, _source(info)


def _source(info: pkgutil.ModuleInfo) -> bytes | None:
    finder: Any = info.module_finder
    spec = finder.find_spec(info.name)
    if spec is None or spec.origin is None or not spec.has_location or spec.origin.endswith((".pyc", ".so", ".pyd")):
        return None
    return spec.loader.get_data(spec.origin)


def installed() -> dict[str, list[EntryPoint]]:
    """Entry points of the plugins by namespace, from metadata alone; more than one claim is a conflict."""
    return entry_points.claims(entry_points.PLUGINS)


def load(namespaces: Iterable[str]) -> list[Plugin]:
    """Import the plugins of these namespaces.

    Raises:
        PluginError: one is not installed, is switched off, is claimed twice, fails to import or breaks a hook's contract.
    """
    points = installed()
    claims = {namespace: points.get(namespace, []) for namespace in namespaces}
    gate.faults(targets(claims))
    return [load_one(namespace, claims[namespace]) for namespace in claims]


def targets(claims: Mapping[str, list[EntryPoint]]) -> list[Target]:
    """What loading these plugins imports: `gate.faults` tries all that are new next to each other, `load_one` one by one.

    Args:
        claims: entry points by namespace.
    """
    return [Target.of(points[0]) for namespace, points in claims.items() if not _refusal(namespace, points)]


def load_one(namespace: str, claims: list[EntryPoint]) -> Plugin:
    """Import the plugin of a namespace from its entry point.

    Args:
        namespace: its name.
        claims: the entry points of that name.

    Raises:
        PluginError: see `load`.
    """
    if refusal := _refusal(namespace, claims):
        raise refusal
    who = entry_points.who(claims)
    what = f"plugin {namespace} ({who}) cannot be imported"
    gate.refuse(what, Target.of(claims[0]))
    # What a plugin prints while it is imported must not mix with a command's output.
    with contained(what), redirect_stdout(sys.stderr):
        source = claims[0].load()
    return Plugin(namespace, source, who, installed=True)


def _refusal(namespace: str, claims: list[EntryPoint]) -> PluginError | None:
    """Why the plugin of a namespace is not even imported."""
    if not claims:
        return PluginError(
            f"no installed package brings the plugin '{namespace}'",
            hint="install it, or remove it from the spec",
        )
    who = entry_points.who(claims)
    if off := switches.switched_off(namespace):
        return PluginError(f"the plugin {namespace} ({who}) is switched off: {off}", hint="change the variable, or the spec")
    if namespace == CORE:
        return PluginError(f"{who} claims the namespace '{CORE}', which is the package's own", hint="uninstall it")
    if not NAME.match(namespace):
        return PluginError(f"{who} claims '{namespace}', which is not a namespace: lower case letters, digits and hyphens")
    if len(claims) > 1:
        return PluginError(f"the namespace '{namespace}' is claimed by {who}", hint="uninstall all but one of them")
    return None
