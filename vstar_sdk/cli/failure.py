"""How errors look on the command line: ``error:`` and ``hint:``, no traceback unless asked."""

from __future__ import annotations

import importlib.metadata
import traceback as tracebacks
from typing import IO, Any

import click

from vstar_sdk.errors import VstarError


class Failure(click.ClickException):
    """Any exception, ready to be shown.

    Args:
        error: what happened.
        traceback: show where, too.
    """

    def __init__(self, error: BaseException, *, traceback: bool = False) -> None:
        super().__init__(message(error))
        self.error = error
        self.traceback = traceback

    @property
    def exit_code(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]  (click reads it from the instance)
        """The error's own, by the table in `vstar_sdk.errors`."""
        return self.error.exit_code if isinstance(self.error, VstarError) else 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print to stderr."""
        if self.traceback:
            click.echo("".join(tracebacks.format_exception(self.error)), err=True, nl=False)
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(self.message, err=True)
        hint = hint_of(self.error)
        if hint:
            click.secho("hint: ", fg="cyan", bold=True, nl=False, err=True)
            click.echo(hint, err=True)


def warn(text: str) -> None:
    """Print a warning to stderr."""
    click.secho("warning: ", fg="yellow", nl=False, err=True)
    click.echo(text, err=True)


def message(error: BaseException) -> str:
    """What went wrong; an exception that nobody expected names the package it came from."""
    if isinstance(error, VstarError):
        return error.message
    return f"unexpected {type(error).__name__} in {origin(error)}: {error}"


def hint_of(error: BaseException) -> str | None:
    """What to do."""
    if isinstance(error, VstarError):
        return error.hint
    return "this is a fault of the program; `vstar -v ...` shows where it happened"


def origin(error: BaseException) -> str:
    """The distribution whose code raised, with its version."""
    frames = list(tracebacks.walk_tb(error.__traceback__))
    module = frames[-1][0].f_globals.get("__name__", "") if frames else ""
    top = module.partition(".")[0]
    for name in importlib.metadata.packages_distributions().get(top, []):
        return f"{name} {importlib.metadata.version(name)}"
    return top or "an unknown place"
