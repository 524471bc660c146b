"""The health of installed plugins: what each brings, how long it takes to import, and why it takes no part."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Literal

from vstar_sdk.errors import PluginError, VstarError
from vstar_sdk.plugin import discovery, entry_points, switches
from vstar_sdk.plugin.boundary.calls import described
from vstar_sdk.plugin.boundary.faults import REMEDY, text_of
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.plugin.probe import gate
from vstar_sdk.plugin.probe.target import Target

State = Literal["healthy", "faulty", "quarantined", "off"]
"""``faulty``: some part or command of it cannot be used; ``quarantined``: it takes no part at all, for a fault of its own;
``off``: an environment variable keeps it out."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """One installed plugin.

    Attributes:
        name: its namespace; of a package that brings commands alone, the package's name.
        distribution: the package that it came from.
        version: of the package.
        parts: what specs can name: ``regularizer acme/banded``, ``template acme/haiku``.
        hooks: those that it implements.
        commands: those that its package brings.
        import_ms: how long the import took, in milliseconds; None when it was not imported.
        state: whether it takes part.
        reasons: why not.
    """

    name: str
    distribution: str
    version: str
    parts: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    import_ms: float | None = None
    state: State = "healthy"
    reasons: tuple[str, ...] = ()

    @property
    def unhealthy(self) -> bool:
        """Whether something is wrong with it; being switched off is not."""
        return self.state in ("faulty", "quarantined")


def survey(*, built_in_commands: Iterable[str] = (), deep: bool = False) -> tuple[Catalog, tuple[Health, ...]]:
    """Import every installed plugin, and take in those that are healthy.

    Args:
        built_in_commands: names that no plugin's command can have.
        deep: import the factories of all parts, too, and the commands.

    Returns:
        The catalog of everything that can be used, and a record of each plugin, by name.
    """
    catalog = discovery.built_in_catalog()
    commands = _Commands(frozenset(built_in_commands), deep=deep)
    gate.faults([*discovery.targets(discovery.installed()), *(commands.targets() if deep else ())], again=deep)
    with redirect_stdout(sys.stderr):  # what plugins print must not mix with a listing
        records = [
            _examine(namespace, claims, point, catalog, commands, deep=deep)
            for namespace, claims in sorted(discovery.installed().items())
            for point in claims
        ]
        return catalog, (*records, *commands.alone(records))


def installed_catalog(warn: Callable[[str], None]) -> Catalog:
    """The catalog of everything installed, for listings: plugins that are quarantined are left out.

    Args:
        warn: told of each plugin that is left out.

    Raises:
        PluginError: a plugin is quarantined, and ``VSTAR_PLUGINS_STRICT`` makes that an error.
    """
    catalog, records = survey()
    for record in records:
        if record.state == "quarantined":
            message = f"{record.distribution} {record.version} is ignored: {'; '.join(record.reasons)}"
            if switches.strict():
                raise PluginError(message, hint=f"uninstall it, or unset {switches.STRICT}")
            warn(message)
    return catalog


def _examine(
    namespace: str, claims: list[EntryPoint], point: EntryPoint, catalog: Catalog, commands: _Commands, *, deep: bool
) -> Health:
    name, version = entry_points.package(point)
    own, reasons = commands.of(name)

    def record(state: State, *why: str, hooks: tuple[str, ...] = (), milliseconds: float | None = None) -> Health:
        if state == "healthy" and (why or reasons):
            state = "faulty"
        return Health(
            name=namespace,
            distribution=name,
            version=version,
            parts=tuple(_parts(catalog, namespace)) if state in ("healthy", "faulty") else (),
            hooks=hooks,
            commands=own,
            import_ms=milliseconds,
            state=state,
            reasons=(*why, *reasons),
        )

    if off := switches.switched_off(namespace):
        return record("off", off)
    began = time.perf_counter()
    try:
        plugin = discovery.load_one(namespace, claims)
        milliseconds = round(1000 * (time.perf_counter() - began), 1)
        catalog.add(plugin)
    except PluginError as error:
        return record("quarantined", _told(error), milliseconds=round(1000 * (time.perf_counter() - began), 1))
    return record("healthy", *(_faults(catalog, namespace) if deep else ()), hooks=plugin.hooks, milliseconds=milliseconds)


def _parts(catalog: Catalog, namespace: str) -> Iterable[str]:
    for kind in KINDS.values():
        yield from (f"{kind.word} {part.name}" for part in catalog.parts(kind.name) if part.name.startswith(f"{namespace}/"))
    yield from (f"template {name}" for name in sorted(catalog.templates) if name.startswith(f"{namespace}/"))


def _faults(catalog: Catalog, namespace: str) -> Iterable[str]:
    """Parts whose factory cannot be imported."""
    parts = [part for kind in KINDS for part in catalog.parts(kind) if part.name.startswith(f"{namespace}/")]
    gate.faults((Target(part.factory, part.distribution) for part in parts if isinstance(part.factory, str)), again=True)
    for part in parts:
        try:
            part.load()
        except VstarError as error:
            yield _told(error)


def _told(error: VstarError) -> str:
    """A fault with its remedy, where it has one of its own."""
    return f"{error.message} ({error.hint})" if error.hint and error.hint != REMEDY else error.message


class _Commands:
    """The commands of all packages, and what is wrong with them."""

    def __init__(self, built_in: frozenset[str], *, deep: bool) -> None:
        self._built_in, self._deep = built_in, deep
        self._claims = entry_points.claims(entry_points.COMMANDS)

    def targets(self) -> list[Target]:
        """What importing those that can be called imports."""
        return [
            Target.of(claims[0])
            for name, claims in self._claims.items()
            if not self._refusal(name, claims) and not entry_points.command_off(claims[0])
        ]

    def of(self, distribution: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The commands of a package, and reasons why some cannot be used."""
        own: list[str] = []
        reasons: list[str] = []
        for name, claims in sorted(self._claims.items()):
            for point in claims:
                if entry_points.package(point)[0] == distribution:
                    own.append(name)
                    reasons += [fault] if (fault := self._fault(name, claims, point)) else []
        return tuple(own), tuple(reasons)

    def alone(self, records: Iterable[Health]) -> list[Health]:
        """Records of the packages that bring commands and no plugin."""
        known = {record.distribution for record in records}
        others = {entry_points.package(point) for claims in self._claims.values() for point in claims}
        found: list[Health] = []
        for name, version in sorted(others):
            if name not in known:
                own, reasons = self.of(name)
                off = switches.switched_off(name)
                state: State = "off" if off else "faulty" if reasons else "healthy"
                found.append(
                    Health(
                        name=name,
                        distribution=name,
                        version=version,
                        commands=own,
                        state=state,
                        reasons=(off, *reasons) if off else reasons,
                    )
                )
        return found

    def _refusal(self, name: str, claims: list[EntryPoint]) -> str | None:
        if name in self._built_in:
            return f"the command '{name}' is built in: the package's command is never called"
        if len(claims) > 1:
            return f"the command '{name}' is claimed by {entry_points.who(claims)}"
        return None

    def _fault(self, name: str, claims: list[EntryPoint], point: EntryPoint) -> str | None:
        if (refusal := self._refusal(name, claims)) or not self._deep or entry_points.command_off(point):
            return refusal
        target = Target.of(point)
        if fault := gate.faults([target])[target]:
            return f"the command '{name}' cannot be imported: {fault}"
        try:
            command: object = point.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return f"the command '{name}' cannot be imported: {text_of(error)}"
        if callable(getattr(command, "main", None)):
            return None
        return f"the command '{name}' is {described(command)}, not a click command"
