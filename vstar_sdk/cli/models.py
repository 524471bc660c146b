"""``vstar models``: what ``model: {use: ...}`` can say."""

from __future__ import annotations

import shutil

import click

from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document, document_json, warn
from vstar_sdk.plugin.health import installed_catalog


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(as_json: bool) -> None:
    """List the video models."""
    parts = installed_catalog(warn).parts("models")
    if as_json:
        document_json([{"use": p.name, "summary": p.summary, "distribution": p.distribution} for p in parts])
        return
    formatter = click.HelpFormatter(width=min(shutil.get_terminal_size().columns, 100))
    formatter.write_dl([(part.name, part.summary) for part in parts])
    document(formatter.getvalue())
