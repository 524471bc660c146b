"""``vstar schema``: what an editor needs to complete and check specs."""

from __future__ import annotations

from pathlib import Path

import click

from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document, say
from vstar_sdk.cli.schema_file import write_schema
from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.health import installed_catalog
from vstar_sdk.reading.escapes import printable
from vstar_sdk.spec.schema import schema_of, to_text


@click.command(cls=Command)
@click.option("--core", is_flag=True, help="The built-in parts only.")
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE; an older schema is replaced.")
def schema(core: bool, out: Path | None) -> None:
    """Print the JSON Schema of specs: the built-in parts, and those of all installed plugins."""
    catalog = discovery.built_in_catalog() if core else installed_catalog(say)
    text = to_text(schema_of(catalog))
    if out is None:
        document(text)
        return
    write_schema(out, text)
    document(f"wrote {printable(str(out))}; a spec next to it begins with: # yaml-language-server: $schema=./{out.name}\n")
