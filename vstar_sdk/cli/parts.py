"""``vstar parts``: everything that a spec can name, by kind."""

from __future__ import annotations

import difflib
import shutil

import click

from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.completion import complete_kinds
from vstar_sdk.cli.printing import document, document_json, warn
from vstar_sdk.plugin.health import installed_catalog
from vstar_sdk.plugin.kinds import KINDS


@click.command(cls=Command)
@click.argument("kind", required=False, shell_complete=complete_kinds)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def parts(kind: str | None, as_json: bool) -> None:
    """List the parts that a spec can name: of one KIND, such as models, or of all."""
    if kind is not None and kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1, 0.4)
        guess = f"Did you mean '{near[0]}'? " if near else ""
        raise click.UsageError(f"there is no kind '{kind}'. {guess}The kinds: {', '.join(KINDS)}")
    catalog = installed_catalog(warn)
    found = {name: catalog.parts(name) for name in ([kind] if kind else KINDS)}
    if as_json:
        document_json(
            {
                name: [{"use": part.name, "summary": part.summary, "distribution": part.distribution} for part in some]
                for name, some in found.items()
            }
        )
        return
    formatter = click.HelpFormatter(width=min(shutil.get_terminal_size().columns, 100))
    for name, some in found.items():
        place = KINDS[name].place
        with formatter.section(f"{name}, in a spec under {place}" if place else f"{name}, inside another part"):
            formatter.write_dl([(part.name, part.summary) for part in some])
    document(formatter.getvalue().lstrip("\n"))
