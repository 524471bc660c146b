"""Commands that plugins bring: known from metadata alone, imported when they are called, never in the place of a built-in one."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from contextlib import redirect_stdout
from importlib.metadata import EntryPoint

import click

from vstar_sdk.errors import PluginError
from vstar_sdk.plugin import entry_points
from vstar_sdk.plugin.boundary.calls import described
from vstar_sdk.plugin.boundary.faults import contained


def plugin_commands(built_in: Collection[str]) -> Mapping[str, list[EntryPoint]]:
    """The commands of installed packages by name, except those that are switched off or named like a built-in one.

    Args:
        built_in: names that no plugin's command can have.
    """
    found: dict[str, list[EntryPoint]] = {}
    for name, claims in sorted(entry_points.claims(entry_points.COMMANDS).items()):
        points = [point for point in claims if entry_points.command_off(point) is None]
        if points and name not in built_in:
            found[name] = points
    return found


def off_because(name: str) -> str | None:
    """Why a command that is installed is not there; None when nobody brings it."""
    reasons = [entry_points.command_off(point) for point in entry_points.claims(entry_points.COMMANDS).get(name, [])]
    return next((reason for reason in reasons if reason is not None), None)


def summary(claims: list[EntryPoint]) -> str:
    """What ``vstar --help`` says of a command: where it is from."""
    if len(claims) > 1:
        return f"(claimed by {entry_points.who(claims)}: refused)"
    return f"(from {entry_points.package(claims[0])[0]})"


def load(name: str, claims: list[EntryPoint]) -> click.Command:
    """Import a command.

    Args:
        name: what it is called by.
        claims: its entry points.

    Raises:
        PluginError: two packages claim it, it cannot be imported, or it is not a command.
    """
    who = entry_points.who(claims)
    if len(claims) > 1:
        raise PluginError(f"the command '{name}' is claimed by {who}", hint="uninstall all but one of them")
    from vstar_sdk.plugin.probe import gate  # not to list commands
    from vstar_sdk.plugin.probe.target import Target

    what = f"the command '{name}' ({who}) cannot be imported"
    gate.refuse(what, Target.of(claims[0]))
    with contained(what), redirect_stdout(sys.stderr):
        command: object = claims[0].load()
    if not isinstance(command, click.Command):
        raise PluginError(f"the command '{name}' ({who}): {claims[0].value} is {described(command)}, not a click command")
    return command
