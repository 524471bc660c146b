"""``vstar models``: what ``model: {use: ...}`` can say."""

from __future__ import annotations

import json
import shutil

import click

from vstar_sdk.cli.failure import warn
from vstar_sdk.plugin.health import installed_catalog


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(as_json: bool) -> None:
    """List the video models."""
    parts = installed_catalog(warn).parts("models")
    if as_json:
        click.echo(json.dumps([{"use": p.name, "summary": p.summary, "distribution": p.distribution} for p in parts], indent=2))
        return
    formatter = click.HelpFormatter(width=min(shutil.get_terminal_size().columns, 100))
    formatter.write_dl([(part.name, part.summary) for part in parts])
    click.echo(formatter.getvalue(), nl=False)
