"""One part on offer: how its factory is found, imported and called."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vstar_sdk.errors import MissingDependency, PluginError, SpecPath
from vstar_sdk.options import Options
from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.faults import AUTHOR, REMEDY, contained
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.plugin.probe import gate
from vstar_sdk.plugin.probe.target import Target


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
        installed: see `Plugin`.
        needs_hooks: its plugin's hooks must take part where it is used.
    """

    kind: str
    name: str
    options: type[Options]
    factory: str | Callable[..., Any]
    summary: str
    distribution: str
    installed: bool = False
    needs_hooks: bool = False

    def load(self, path: SpecPath = ()) -> Callable[..., Any]:
        """The factory, imported if need be.

        Args:
            path: where the spec names the part.

        Raises:
            MissingDependency: a package that it needs is not installed.
            PluginError: there is no such module, the import fails in another way or would end the process, or it gives nothing
                callable.
        """
        if callable(self.factory):
            return self.factory
        module, _, attribute = self.factory.partition(":")
        who = str(Origin(str(self), path))
        what = f"{who} cannot be imported from {self.factory}"
        if self.installed:
            gate.refuse(what, Target(self.factory, self.distribution))
        with contained(what, known=(PluginError, MissingDependency)):
            try:
                factory: Any = importlib.import_module(module)
                for name in attribute.split("."):
                    factory = getattr(factory, name)
            except ModuleNotFoundError as error:
                if "." in (error.name or "") and f"{module}.".startswith(f"{error.name}."):  # of a package that is there
                    raise PluginError(
                        f"{who}: its factory is {self.factory}, and there is no module '{error.name}'",
                        hint=f"correct the factory where the part is registered, or {AUTHOR}",
                    ) from error
                raise MissingDependency(
                    f"{who} needs the module '{error.name}', which is not installed", hint="install the package that provides it"
                ) from error
        if not callable(factory):
            raise PluginError(f"{who}: {self.factory} is not callable", hint=REMEDY)
        return factory

    def make(self, *arguments: Any, path: SpecPath = (), **named: Any) -> Any:
        """Call the factory; what that of a plugin returns is put behind the boundary.

        Args:
            arguments: of the factory.
            path: where the spec names the part.
            named: of the factory.

        Raises:
            VstarError: the factory's own: its options cannot be used, or a package is missing.
            PluginError: the factory of a plugin failed in another way, or returned something that is not a part of this kind.
        """
        factory = self.load(path)
        if self.core:
            return factory(*arguments, **named)
        call = Call(Origin(str(self), path), "factory")
        contract = KINDS[self.kind].promises
        return call.checked(lambda made, call: contract.contain(made, call.origin), call.run(factory, *arguments, **named))

    @property
    def core(self) -> bool:
        """Whether it is one of the package's own."""
        return "/" not in self.name

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution})"
