"""``vstar plugins``: what is installed, what it brings, and whether it is well."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator, Sequence

import click

from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document, document_json, warn
from vstar_sdk.plugin import switches
from vstar_sdk.plugin.health import Health, survey

_COLORS = {"healthy": "green", "faulty": "yellow", "quarantined": "red", "off": None}
_WIDTH = 80


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--check", is_flag=True, help="Also import all parts and commands; exit with 1 if anything fails.")
@click.pass_context
def plugins(ctx: click.Context, as_json: bool, check: bool) -> None:
    """List the installed plugins and their health.

    Every plugin is imported; the list shows how long that takes. A plugin that fails is quarantined: its parts and hooks are
    unavailable, and the reason is printed below it.
    """
    from vstar_sdk.cli.main import COMMANDS

    _, records = survey(built_in_commands=COMMANDS, deep=check)
    for name, variable in switches.unknown(record.name for record in records).items():
        warn(f"{variable} names '{name}', and no plugin is called so")
    if as_json:
        document_json([dataclasses.asdict(record) for record in records])
    elif records:
        for line, state, color in _table(records):
            document(line, last=state, color=color, end="\n")
    else:
        document("no plugins are installed\n")
    if (check or switches.strict()) and any(record.unhealthy for record in records):
        ctx.exit(1)


def _table(records: Sequence[Health]) -> Iterator[tuple[str, str, str | None]]:
    """One line a plugin, and what it brings below it: its beginning, its end, and the colour of that."""
    rows = [("plugin", "package", "version", "import", "health"), *map(_row, records)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row, record in zip(rows, (None, *records), strict=True):
        name, package, version, took = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        yield f"{name}  {package}  {version}  {took}  ", row[4], _COLORS[record.state] if record else None
        if record is not None:
            yield from ((line, "", None) for line in _below(record))


def _row(record: Health) -> tuple[str, str, str, str, str]:
    took = "" if record.import_ms is None else f"{record.import_ms:.0f} ms"
    return _short(record.name, 20), _short(record.distribution, 24), _short(record.version, 10), took, record.state


def _below(record: Health) -> Iterator[str]:
    for title, items in (("", record.parts), ("hooks: ", record.hooks), ("commands: ", record.commands)):
        if items:
            yield from _wrapped(title + ", ".join(items))
    for reason in record.reasons:
        yield from _wrapped(f"{record.state}: {reason}" if record.state != "off" else reason)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
