"""One plugin: a module (or object) whose hook implementations are checked against the specifications."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

import pluggy

from vstar_sdk.errors import PluginError
from vstar_sdk.hooks import specs
from vstar_sdk.parts import PROJECT

CORE = "vstar"
"""Namespace of the built-in parts; in a spec they are named without it."""


class Plugin:
    """A plugin that has passed the checks.

    Args:
        namespace: its name; parts of it are ``namespace/part``, but for `CORE`.
        source: module or object with the marked functions.
        distribution: the package and version it came from, for messages.

    Raises:
        PluginError: a hook is misspelled, or takes arguments that its specification does not have.
    """

    def __init__(self, namespace: str, source: object, distribution: str) -> None:
        self.namespace = namespace
        self.distribution = distribution
        # A manager of its own: one plugin's faults can then never reach another's implementations.
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(specs)
        try:
            self._manager.register(source, namespace)
        except pluggy.PluginValidationError as error:
            raise PluginError(
                f"plugin {namespace} ({distribution}): {str(error).splitlines()[-1].strip()}",
                hint="compare the function's arguments with the hook's specification",
            ) from error
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(f"plugin {namespace} ({distribution}): {self._misspelled()}") from error

    def implementations(self, hook: str) -> Iterator[Callable[..., None]]:
        """The plugin's implementations of one hook, each taking the hook's arguments by keyword."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():

            def call(_implementation: Any = implementation, **arguments: Any) -> None:
                _implementation.function(*(arguments[name] for name in _implementation.argnames))

            yield call

    def _misspelled(self) -> str:
        known = [name for name in vars(specs) if name.startswith(("register_", "on_"))]
        for name in vars(self._manager.hook):
            if not name.startswith("_") and name not in known:
                near = difflib.get_close_matches(name, known, 1)
                return f"there is no hook '{name}'." + (f" Did you mean '{near[0]}'?" if near else "")
        return "an unknown hook"
