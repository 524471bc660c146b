"""A guard: what the specs of strangers may reach. All that it does not list is refused, before it is looked at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from vstar_sdk.errors import OutputError, SpecError, SpecPath
from vstar_sdk.llm.addresses import check_address, open_to_others
from vstar_sdk.options import EnvName, Options
from vstar_sdk.reach import File, Reached, Repository, Server, Variable, reached
from vstar_sdk.reading.escapes import printable
from vstar_sdk.resolver import Resolver
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.problems import located

_PORTS = {"http": 80, "https": 443}

_MOST = 10
"""Problems that are listed."""


class Guard(Options):
    """What specs of strangers may reach: lists of what is allowed. An empty list allows nothing.

    ::

        guard = Guard(roots=(Path("/srv/models"),), output=Path("/srv/runs"))
        with Session(guard=guard) as session:
            session.run(spec_of_a_stranger, out="/srv/runs/7")

    Paths are compared after symbolic links and ``..`` are resolved. Whoever may write into a root can lead out of it.
    """

    roots: tuple[Path, ...] = ()
    """Folders that models, LoRAs, templates, earlier runs and all other files of a spec must be in."""
    hosts: tuple[str, ...] = Field(default=(), examples=[["api.anthropic.com", "127.0.0.1:11434"]])
    """Servers that may be asked: `host`, or `host:port` where it is not the port of the protocol. `http://host` allows plain http
    to another machine, where anyone on the way can read what is sent."""
    hub: tuple[str, ...] = Field(default=(), examples=[["Wan-AI/*"]])
    """Models on the hub that may be named: ids, or `owner/*` for all of an owner."""
    secrets: tuple[EnvName, ...] = ()
    """Environment variables that a spec may name as those of its keys."""
    plugins: tuple[str, ...] = ()
    """Plugins that a spec may name; others are not imported. Objects that a program passes are the program's own."""
    output: Path | None = None
    """The folder that run and sweep directories must be in. Left out: nothing is written, and runs stay in memory."""

    @field_validator("roots", "output")
    @classmethod
    def _resolved(cls, value: tuple[Path, ...] | Path | None) -> tuple[Path, ...] | Path | None:
        return tuple(map(_resolve, value)) if isinstance(value, tuple) else value if value is None else _resolve(value)

    @field_validator("hosts")
    @classmethod
    def _names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            name = host.removeprefix("http://")
            if "/" in name or "@" in name or _address(f"https://{name}") is None:
                raise ValueError(f"{host!r}: write a host, host:port, or http://host for plain http")
        return hosts

    def allows(self, what: Reached) -> bool:
        """Whether something may be reached."""
        match what:
            case File(path):
                return any(_inside(path, root) for root in self.roots)
            case Repository(name):
                return any(name == one or (one.endswith("/*") and name.startswith(one[:-1])) for one in self.hub)
            case Server(url):
                return any(_is_at(url, host) for host in self.hosts)
            case Variable(name):
                return name in self.secrets

    def check(self, spec: Options, document: Document) -> None:
        """Refuse a spec that reaches what is not allowed.

        Args:
            spec: validated.
            document: where it was written.

        Raises:
            SpecError: it does; every place is listed with what is allowed there.
        """
        found = [(path, self._refusal(what)) for path, what in reached(spec, document.folder) if not self.allows(what)]
        self._refuse(document, found)

    def check_file(self, path: Path, document: Document, place: SpecPath) -> None:
        """Refuse a file that something else than an option names; see `check`."""
        if not self.allows(File(path)):
            self._refuse(document, [(place, self._refusal(File(path)))])

    def check_plugins(self, named: Mapping[str, SpecPath], document: Document) -> None:
        """Refuse a spec that names a plugin which is not allowed; see `check`.

        Args:
            named: plugins, with their places.
            document: the spec.
        """
        refused = {name: path for name, path in named.items() if name not in self.plugins}
        allowed = _listed(self.plugins, "no plugin")
        self._refuse(document, [(path, f"the plugin '{name}' is not allowed: {allowed}") for name, path in refused.items()])

    def check_output(self, directory: Path | None) -> None:
        """Refuse a run or sweep directory that is not allowed.

        Args:
            directory: None where nothing is written.

        Raises:
            OutputError: it is not below `output`.
        """
        if directory is None or (self.output is not None and _inside(directory, self.output)):
            return
        shown = printable(str(directory))
        if self.output is None:
            raise OutputError(f"{shown}: the guard allows no output", hint="run it in memory, or give the guard an output")
        raise OutputError(f"{shown} is outside of {printable(str(self.output))}, where output is allowed", hint=_HINT)

    def resolver(self, within: Resolver) -> Resolver:
        """A resolver that gives only the secrets that are allowed, whatever a part asks for."""
        return _GuardedResolver(self, within)

    def _refusal(self, what: Reached) -> str:
        match what:
            case File():
                return f"leads outside of the folders that are allowed: {_listed(map(str, self.roots), 'none')}"
            case Repository(name):
                return f"the model '{name}' of the hub is not allowed: {_listed(self.hub, 'none')}"
            case Server(url):
                return f"the server {_host(url)} is not allowed: {_listed(self.hosts, 'none')}"
            case Variable(name):
                return f"the environment variable {name} is not allowed: {_listed(self.secrets, 'none')}"

    def _refuse(self, document: Document, found: list[tuple[SpecPath, str]]) -> None:
        if found:
            lines = [f"guarded: {located(document, path, message)}" for path, message in found[:_MOST]]
            raise SpecError("\n".join(lines), hint=_HINT, path=found[0][0])


class Guarding(Guard):
    """The section ``guard`` of the file of defaults."""

    always: bool = False
    """Guard every command, also without `--guarded`."""

    def guard(self) -> Guard:
        """The guard alone."""
        return Guard(**{name: getattr(self, name) for name in Guard.model_fields})


_HINT = "whoever runs this program sets what is allowed: see docs/security.md"


class _GuardedResolver(Resolver):
    def __init__(self, guard: Guard, within: Resolver) -> None:
        self._guard, self._within = guard, within

    def secret(self, name: str) -> str | None:
        if not self._guard.allows(Variable(name)):
            raise SpecError(f"guarded: the environment variable {printable(name)} is not allowed", hint=_HINT)
        return self._within.secret(name)

    def asset(self, reference: str) -> Path | None:
        return self._within.asset(reference)

    def device(self, name: str) -> str:
        return self._within.device(name)


def _resolve(path: Path) -> Path:
    return Path(os.path.realpath(os.path.expanduser(path)))


def _inside(path: Path, root: Path) -> bool:
    """Whether a path is a folder, or below it, once links are followed; what cannot be followed is not."""
    try:
        real = Path(os.path.realpath(path))
    except (OSError, ValueError):
        return False
    return real.is_relative_to(root)


def _is_at(url: str, host: str) -> bool:
    """Whether an address is one of an allowed host."""
    plain = host.startswith("http://")
    if (found := _address(url)) is None or (open_to_others(url) and not plain):
        return False
    protocol = url.partition("//")[0] if "//" in url else ""
    return found == _address(host if plain else f"{protocol}//{host}")


def _address(url: str) -> tuple[str, int] | None:
    """Host and port; None where they cannot be told."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        check_address(f"https://{parts.netloc}")
        return (parts.hostname or "").rstrip("."), parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None


def _host(url: str) -> str:
    found = _address(url)
    return f"{found[0]}:{found[1]}" if found else "of this address"


def _listed(allowed: Any, none: str) -> str:
    return ", ".join(map(printable, allowed)) or none
