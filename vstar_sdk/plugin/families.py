"""The families of denoisers, by the names of the classes that they know."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vstar_sdk.errors import PluginError
from vstar_sdk.plugin.boundary.calls import described
from vstar_sdk.plugin.boundary.faults import contained
from vstar_sdk.plugin.plugin import Plugin
from vstar_sdk.plugin.probe import gate
from vstar_sdk.plugin.probe.target import Target

if TYPE_CHECKING:
    from vstar_sdk.models.family import Family


class Families:
    """What `attach` looks a denoiser's class up in."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Plugin, str | Family]] = {}

    def __contains__(self, denoiser: str) -> bool:
        return denoiser in self._known

    def names(self) -> tuple[str, ...]:
        """The classes that are known."""
        return tuple(sorted(self._known))

    def all(self) -> Mapping[str, tuple[Plugin, str | Family]]:
        """Every family, by class, with the plugin that brought it."""
        return self._known

    def update(self, staged: Mapping[str, tuple[Plugin, str | Family]]) -> None:
        """Take in the families of a plugin."""
        self._known.update(staged)

    def family(self, denoiser: str) -> Family:
        """The family of a class that is known, imported if need be.

        Raises:
            PluginError: it cannot be imported, would end the process, or is none.
        """
        from vstar_sdk.models.family import Family

        plugin, family = self._known[denoiser]
        if not isinstance(family, str):
            return family
        module, _, attribute = family.partition(":")
        what = f"plugin {plugin}: the family of {denoiser} cannot be imported from {family}"
        if plugin.installed:
            gate.refuse(what, Target(family, plugin.distribution))
        with contained(what):
            found: Any = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, Family):
            raise PluginError(f"plugin {plugin}: {family} is {described(found)}, not a vstar_sdk.Family")
        return found


class FamilyRegistration:
    """The `RegisterFamily` of one plugin."""

    def __init__(self, plugin: Plugin, known: Families) -> None:
        self._plugin, self._known = plugin, known
        self.staged: dict[str, tuple[Plugin, str | Family]] = {}

    def __call__(self, *denoisers: str, family: str | Family) -> None:
        """See `RegisterFamily`."""
        from vstar_sdk.models.family import Family

        if not denoisers:
            raise PluginError(f"plugin {self._plugin}: a family has no denoiser class")
        if not isinstance(family, Family) and not (isinstance(family, str) and ":" in family):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise PluginError(f"plugin {self._plugin}: a family is a vstar_sdk.Family, or a text like 'package.module:FAMILY'")
        for name in denoisers:
            if name in self._known or name in self.staged:
                raise PluginError(f"plugin {self._plugin} registers a family for {name}, which another family has registered")
            self.staged[name] = self._plugin, family
