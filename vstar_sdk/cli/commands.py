"""Commands whose stdout holds what they print, and nothing that a plugin prints; ``-v`` works before and after their names."""

from __future__ import annotations

import sys
from typing import Any

import click

from vstar_sdk.cli.failure import Failure
from vstar_sdk.cli.printing import document_json
from vstar_sdk.cli.streams import apart
from vstar_sdk.errors import error_json, exit_code_of
from vstar_sdk.reading.escapes import escaped

VERBOSE = "vstar.verbose"
"""In a context's ``meta``: tracebacks are wanted."""

REPORTED = "vstar.error-reported"
"""In a context's ``meta``: the error is in what was printed already."""


class _Told(click.Command):
    """What commands and groups of them share: ``-v``, and with ``--json`` an error is a document too.

    It is ``{"error": {"type": ..., "message": ..., "hint": ..., "exit_code": ...}}``; with ``-v`` its traceback goes to stderr.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.params.append(verbose_option())

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the arguments."""
        wanted = "--json" in args and any(one.name == "as_json" for one in self.params)
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            if not wanted:
                raise
            hint = error.ctx and f"{error.ctx.command_path} --help"
            told = {"type": type(error).__name__, "message": error.format_message(), "hint": hint, "exit_code": error.exit_code}
            document_json({"error": told}, indent=None)
            raise click.exceptions.Exit(error.exit_code) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Call it."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if not ctx.params.get("as_json") or REPORTED in ctx.meta:
                raise
            if VERBOSE in ctx.meta:
                Failure(error, traceback=True).show()
            document_json({"error": error_json(error)}, indent=None)
            ctx.exit(exit_code_of(error))


class Command(_Told):
    """A command that keeps its stdout apart while it works."""

    def invoke(self, ctx: click.Context) -> Any:
        """Call it."""
        with apart():
            return super().invoke(ctx)


class Group(_Told, click.Group):
    """A group of such commands; what it does itself should be done in `apart`, which would keep their help from stdout."""

    command_class = Command


def verbose_option() -> click.Option:
    """``-v``: tracebacks and log messages."""
    return click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_speak,
        help="Show tracebacks and log messages.",
    )


def _speak(ctx: click.Context, _: click.Parameter, chosen: bool) -> None:
    if not chosen:
        return
    ctx.meta[VERBOSE] = True
    import logging

    class Escaped(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return escaped(super().format(record))

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Escaped("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
