"""What installed packages offer, from their metadata alone: nothing is imported."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Iterator
from importlib.metadata import EntryPoint

from vstar_sdk.plugin import switches

_log = logging.getLogger(__name__)

PLUGINS = "vstar_sdk"
"""The group of plugins: the entry point's name is the namespace, its value a module (or ``module:object``)."""

COMMANDS = "vstar_sdk.commands"
"""The group of commands: the entry point's name is the command's, its value ``module:click_command``."""


def claims(group: str) -> dict[str, list[EntryPoint]]:
    """Entry points of a group by name; more than one claim of a name is a conflict."""
    found: dict[str, list[EntryPoint]] = {}
    for point in _points(group):
        found.setdefault(point.name, []).append(point)
    return found


def _points(group: str) -> Iterator[EntryPoint]:
    try:
        yield from importlib.metadata.entry_points(group=group)
    except Exception:  # one damaged entry_points.txt, anybody's, loses them all: read them one by one then
        seen: set[str] = set()
        for distribution in importlib.metadata.distributions():
            name = "a package without a name"
            try:
                name = distribution.name
                points = list(distribution.entry_points.select(group=group))
            except Exception as error:
                _log.warning("the entry points of %s cannot be read, so its plugins are ignored: %r", name, error)
                continue
            if name not in seen:
                seen.add(name)
                yield from points


def package(point: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution that an entry point came from."""
    if point.dist is None:
        return "an unknown package", ""
    metadata = point.dist.metadata
    return metadata["Name"] or "an unnamed package", metadata["Version"] or ""


def who(points: list[EntryPoint]) -> str:
    """``vstar-acme 1.2 and vstar-other 0.3``."""
    return " and ".join(sorted(" ".join(package(point)).strip() for point in points))


def command_off(point: EntryPoint) -> str | None:
    """Why the environment keeps a command out, or None: it goes with the plugins of its package, else by the package's name."""
    if not switches.any_set():
        return None
    name = package(point)[0]
    plugins = [space for space, points in claims(PLUGINS).items() if any(package(other)[0] == name for other in points)]
    reasons = [switches.switched_off(space) for space in plugins or [name]]
    return None if None in reasons else reasons[0]
