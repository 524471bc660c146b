"""How errors look on the command line: ``error:`` and ``hint:``, no traceback unless asked."""

from __future__ import annotations

import traceback as tracebacks
from typing import IO, Any

import click

from vstar_sdk.cli.printing import say
from vstar_sdk.errors import exit_code_of, hint_of, message_of


class Failure(click.ClickException):
    """Any exception, ready to be shown.

    Args:
        error: what happened.
        traceback: show where, too.
        ended: the exit code of a signal that has ended the command; None for the error's own.
    """

    def __init__(self, error: BaseException, *, traceback: bool = False, ended: int | None = None) -> None:
        super().__init__(message_of(error))
        self.error = error
        self.traceback = traceback
        self._ended = ended

    @property
    def exit_code(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]  (click reads it from the instance)
        """The error's own, by the table in `vstar_sdk.errors`."""
        return exit_code_of(self.error) if self._ended is None else self._ended

    def show(self, file: IO[Any] | None = None) -> None:
        """Print to stderr."""
        if self.traceback:
            say("".join(tracebacks.format_exception(self.error)).rstrip())
        say(self.message, label="error: ", color="red", bold=True)
        hint = hint_of(self.error)
        if hint:
            say(hint, label="hint: ", color="cyan", bold=True)
