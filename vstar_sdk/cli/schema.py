"""``vstar schema``: what an editor needs to complete and check specs."""

from __future__ import annotations

from pathlib import Path

import click

from vstar_sdk.errors import OutputError
from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.health import installed_catalog
from vstar_sdk.spec.schema import schema_of, to_text


@click.command()
@click.option("--core", is_flag=True, help="The built-in parts alone.")
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE; what it holds is replaced.")
def schema(core: bool, out: Path | None) -> None:
    """Print the JSON Schema of specs: the built-in parts, and those of every plugin that is installed."""
    catalog = discovery.built_in_catalog() if core else installed_catalog(lambda message: click.echo(message, err=True))
    text = to_text(schema_of(catalog))
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {out}; a spec beside it begins with: # yaml-language-server: $schema=./{out.name}")
