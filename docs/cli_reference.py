"""The page on the commands, from their own help."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

import click

from vstar_sdk import errors
from vstar_sdk.cli.main import COMMANDS

WIDTH = 100

HEAD = """\
# Command reference

*Written from the code by `python -m docs.references`.*

The help of every built-in command, as `vstar COMMAND --help` prints it. Plugins may bring more: `vstar --help` lists them.
`-v` works before and after a command's name. With `--json` an error is a document, too:
`{"error": {"type", "message", "hint", "exit_code"}}`.
"""


def page() -> str:
    """The whole page, as Markdown."""
    lines = [HEAD, _exit_codes()]
    for name in COMMANDS:
        module, _, attribute = COMMANDS[name].target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        for path, own in _with_commands(f"vstar {name}", command):
            context = click.Context(own, info_name=path, terminal_width=WIDTH, help_option_names=["-h", "--help"])
            lines += [f"## {path}\n", f"```text\n{own.get_help(context)}\n```\n"]
    return "\n".join(lines).rstrip("\n") + "\n"


def _with_commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """A command, and those below it."""
    yield path, command
    if isinstance(command, click.Group):
        for name, own in command.commands.items():
            yield from _with_commands(f"{path} {name}", own)


def _exit_codes() -> str:
    rows = [f"| {code} | {names} |" for code, names in sorted(_codes().items())]
    return "\n".join(
        [
            "## Exit codes\n",
            "| code | after |",
            "|---:|---|",
            "| 0 | success |",
            *rows,
            "| 129, 130, 143 | SIGHUP, Ctrl-C, SIGTERM: the run ended at a step, nothing half-made is left |",
            "",
        ]
    )


def _codes() -> dict[int, str]:
    """Exit codes, and the errors that have them."""
    found: dict[int, list[str]] = {}
    own = [thing for thing in vars(errors).values() if inspect.isclass(thing) and issubclass(thing, errors.VstarError)]
    for error in own[1:]:  # after the base
        found.setdefault(error.exit_code, []).append(f"`{error.__name__}`")
    found.setdefault(2, []).insert(0, "wrong arguments")
    return {code: ", ".join(names) for code, names in found.items()}
