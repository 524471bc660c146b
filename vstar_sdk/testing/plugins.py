"""A check for a whole plugin: what `vstar plugins --check` sees, and what an editor and a listing show of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from vstar_sdk.options import Options
from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.plugin.plugin import Plugin
from vstar_sdk.spec.schema import SpecSchema, schema_of
from vstar_sdk.templating.linting import lint
from vstar_sdk.templating.templates import Found, read
from vstar_sdk.testing.reach import TYPES, unmarked

HEAVY = ("torch", "diffusers", "transformers", "numpy", "PIL", "av", "anthropic", "httpx2")
"""Packages that no plugin may load before a run uses it: they take up to seconds."""


def check_plugin(source: object, namespace: str = "plugin") -> Catalog:
    """Register a plugin, and look at all that it brings.

    Args:
        source: the module that its entry point names, or an object.
        namespace: the entry point's name.

    Returns:
        The built-in parts and its own, to make them from: ``catalog.part("regularizers", "plugin/lean")``.

    Raises:
        PluginError: it breaks a hook's contract, cannot be registered, or a factory cannot be imported.
        AssertionError: an option has no description, or holds plain text under the name of a path, an address or a key; a
            template has a fault; or importing the module loads a heavy package.
    """
    if isinstance(source, ModuleType):
        _check_light(source.__name__)
    catalog = discovery.built_in_catalog()
    plugin = Plugin(namespace, source, f"{namespace} (under test)")
    catalog.add(plugin)
    if plugin.hook_options is not None:
        _check_described(f"{namespace}: hook_options", plugin.hook_options)
    mine = [part for kind in KINDS for part in catalog.parts(kind) if part.name.startswith(f"{namespace}/")]
    schema_of(catalog)
    for part in mine:
        part.load()
        assert part.summary.strip(), f"{part.name} has no summary"
        _check_described(part.name, part.options)
    for name, path in catalog.templates.items():
        problems = lint(read(Found(name, path, "plugin")))
        assert not problems, f"template {name}: {problems[0]}"
    return catalog


def taking_part(plugins: Mapping[str, object]) -> list[str | Plugin]:
    """Plugins for the argument ``plugins`` of `vstar_sdk.run`, whether or not they are installed.

    Args:
        plugins: modules, or objects, by namespace; of one that is installed, its name is given.

    Raises:
        PluginError: one breaks a hook's contract.
    """
    found = discovery.installed()
    return [name if name in found else Plugin(name, source, f"{name} (under test)") for name, source in plugins.items()]


def _check_described(what: str, options: type[Options]) -> None:
    bare = _undescribed(options.model_json_schema(schema_generator=SpecSchema))
    assert not bare, f"{what}: {', '.join(bare)} has no description: write a docstring below the field"
    silent = ", ".join(unmarked(options))
    assert not silent, f"{what}: {silent} looks like a path, an address or the name of a key, and does not say so: {TYPES}"


def _undescribed(schema: dict[str, Any]) -> list[str]:
    """Fields of an option model, and of the models inside it, that nothing is said of."""
    models: list[dict[str, Any]] = [schema, *schema.get("$defs", {}).values()]
    fields = [item for model in models for item in model.get("properties", {}).items()]
    return [key for key, field in fields if not field.get("description")]


def _check_light(module: str) -> None:
    code = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, f"{module} cannot be imported by itself: {done.stderr.strip().splitlines()[-1:]}"
    loaded = ", ".join(done.stdout.split())
    assert not loaded, f"importing {module} loads {loaded}: import inside functions, or name factories as 'module:attribute'"
