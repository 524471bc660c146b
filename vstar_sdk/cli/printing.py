"""All that the command prints goes through here: documents to stdout, everything else to stderr, both escaped."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Any

import click

from vstar_sdk.cli import streams
from vstar_sdk.reading.escapes import escaped, json_escaped


def document(text: str, *, last: str = "", color: str | None = None, end: str = "") -> None:
    """Print to stdout.

    Args:
        text: whole lines, or the beginning of one.
        last: its end, which may be coloured.
        color: of ``last``, on a terminal.
        end: after it, such as a line break.

    Raises:
        OutputError: stdout does not take it: the disk behind it is full, say.
        BrokenPipeError: nobody reads on.
    """
    _write(escaped(text) + _styled(escaped(last), color) + end)


def document_json(data: Any, *, indent: int | None = 2) -> None:
    """Print data to stdout as JSON, with a line break at the end.

    Args:
        data: what JSON has.
        indent: None for one line.

    Raises:
        OutputError: see `document`.
        BrokenPipeError: nobody reads on.
    """
    _write(json_escaped(json.dumps(data, indent=indent, ensure_ascii=False)) + "\n")


def say(text: str, *, label: str = "", color: str | None = None, bold: bool = False) -> None:
    """Print a line to stderr; where it cannot be printed, nothing happens.

    Args:
        text: what to say.
        label: before it, coloured on a terminal.
        color: of the label.
        bold: the label.
    """
    with suppress(OSError, ValueError):
        click.secho(label, fg=color, bold=bold, nl=False, err=True)
        click.echo(escaped(text), err=True)


def warn(text: str) -> None:
    """Print a warning to stderr."""
    say(text, label="warning: ", color="yellow")


def renew(text: str) -> None:
    """Print a line to a terminal, on stderr, in the place of the one before; it stays open."""
    with suppress(OSError, ValueError):
        click.echo(f"\r\x1b[2K{escaped(text)}", err=True, nl=False)


def on_terminal() -> bool:
    """Whether stderr is a terminal."""
    stream: Any = sys.stderr
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it was closed
        return False


def _styled(text: str, color: str | None) -> str:
    wanted = color is not None and streams.document().terminal and "NO_COLOR" not in os.environ
    return click.style(text, fg=color) if wanted else text


def _write(text: str) -> None:
    try:
        streams.document().write(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise streams.cannot_be_written(error) from None
