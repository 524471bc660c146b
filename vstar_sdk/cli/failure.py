"""How errors look on the command line: ``error:`` and ``hint:``, no traceback unless asked."""

from __future__ import annotations

import traceback as tracebacks
from typing import IO, Any

import click

from vstar_sdk.errors import exit_code_of, hint_of, message_of


class Failure(click.ClickException):
    """Any exception, ready to be shown.

    Args:
        error: what happened.
        traceback: show where, too.
    """

    def __init__(self, error: BaseException, *, traceback: bool = False) -> None:
        super().__init__(message_of(error))
        self.error = error
        self.traceback = traceback

    @property
    def exit_code(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]  (click reads it from the instance)
        """The error's own, by the table in `vstar_sdk.errors`."""
        return exit_code_of(self.error)

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
