"""Asking plugins for what a spec only names: the first answer wins, and the core's own comes last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vstar_sdk.errors import PluginError
from vstar_sdk.plugin.boundary.faults import REMEDY, contract_fault, failed, passes
from vstar_sdk.plugin.plugin import Plugin
from vstar_sdk.resolver import Resolver


class PluginResolver(Resolver):
    """The resolver of a run.

    Args:
        plugins: those that the spec, the command line or the caller listed.
    """

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self._plugins = tuple(plugins)

    def secret(self, name: str) -> str | None:
        """See `Resolver.secret`; nothing that a plugin says here is quoted."""
        hook = "resolve_secret"
        for plugin in self._plugins:
            for call in plugin.implementations(hook):
                try:
                    found: Any = call(name=name)
                except KeyboardInterrupt:
                    raise
                except BaseException as error:
                    # The chain is cut, for a traceback quotes what the error says.
                    raise PluginError(f"plugin {plugin} failed in {hook}: {type(error).__name__}", hint=REMEDY) from None
                if found is None:
                    continue
                if not isinstance(found, str) or not found.strip():
                    raise contract_fault(plugin, hook, f"it returned {_kind(found)}, not a secret or None")
                return found.strip()
        return super().secret(name)

    def asset(self, reference: str) -> Path | None:
        """See `Resolver.asset`."""
        plugin, found = self._first("resolve_asset", reference=reference)
        if plugin is None:
            return super().asset(reference)
        if not isinstance(found, str | Path) or not Path(found).exists():
            what = found if isinstance(found, str | Path) else _kind(found)
            raise contract_fault(plugin, "resolve_asset", f"it returned {what}, which is not a file or folder here")
        return Path(found)

    def device(self, name: str) -> str:
        """See `Resolver.device`."""
        plugin, found = self._first("resolve_device", name=name)
        if plugin is None:
            return super().device(name)
        if not isinstance(found, str) or not found:
            raise contract_fault(plugin, "resolve_device", f"it returned {_kind(found)}, not the name of a device")
        return found

    def _first(self, hook: str, **arguments: Any) -> tuple[Plugin | None, Any]:
        for plugin in self._plugins:
            for call in plugin.implementations(hook):
                try:
                    found = call(**arguments)
                except BaseException as error:
                    if passes(error):
                        raise
                    raise failed(plugin, hook, error) from error
                if found is not None:
                    return plugin, found
        return None, None


def _kind(value: object) -> str:
    return "an empty text" if isinstance(value, str) else type(value).__name__
