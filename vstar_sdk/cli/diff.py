"""``vstar diff``: what differs between two specs, runs or videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document, document_json, say
from vstar_sdk.errors import SpecError
from vstar_sdk.plugin.boundary.calls import dotted
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.belongings import SPEC
from vstar_sdk.spec.defaults import own_guard
from vstar_sdk.spec.differences import ABSENT, Difference, differences
from vstar_sdk.spec.loading import load_spec


@click.command(cls=Command)
@click.argument("a", metavar="A", type=click.Path(path_type=Path))
@click.argument("b", metavar="B", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of path, a and b.")
def diff(a: Path, b: Path, as_json: bool) -> None:
    """Show the differences between A and B, one key a line.

    Each is a spec file, a run directory, or an MP4 with its spec. Both are validated first, so writing a default out makes no
    difference. null means the model's own value.
    """
    found = list(differences(_spec(a), _spec(b)))
    if as_json:
        document_json([_data(one) for one in found])
    elif found:
        document("".join(f"{printable(dotted(one.path))}: {' -> '.join(one.values)}\n" for one in found))
    else:
        say("no differences")


def _spec(path: Path) -> dict[str, Any]:
    if path.is_dir() and not (path / SPEC).is_file():
        raise SpecError(f"there is no {SPEC} in {printable(str(path))}", hint="name a spec file, a run directory or a video")
    return load_spec(path / SPEC if path.is_dir() else path, guard=own_guard()).spec.model_dump(mode="json")


def _data(one: Difference) -> dict[str, Any]:
    values = {name: value for name, value in (("a", one.was), ("b", one.now)) if value is not ABSENT}
    return {"path": dotted(one.path), **values}
