"""``vstar status``: how a sweep stands, seen from outside."""

from __future__ import annotations

import time
from pathlib import Path

import click

from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document, document_json
from vstar_sdk.cli.sweep_progress import line
from vstar_sdk.reading.escapes import printable
from vstar_sdk.sweeps.index import Sweep
from vstar_sdk.sweeps.status import SweepStatus

_SHOWN = 20
"""Cells that are listed."""


@click.command(cls=Command)
@click.argument("directory", metavar="SWEEP", type=click.Path(path_type=Path))
@click.option("--watch", is_flag=True, help="Print it after every change, until every cell is done or has failed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --watch a line each time.")
def status(directory: Path, watch: bool, as_json: bool) -> None:
    """Show how many cells of a sweep are waiting, running, interrupted, done or failed, and their errors.

    SWEEP is the directory of a sweep, running or not. Nothing in it is changed.
    """
    sweep, last = Sweep.read(directory), None
    while True:
        now = SweepStatus.of(sweep)
        if now != last:
            if as_json:
                document_json(now.json(), indent=None if watch else 2)
            else:
                document(_text(now))
        if not watch or now.over:
            return
        last = now
        time.sleep(1.0)


def _text(status: SweepStatus) -> str:
    lines = [line(status)]
    lines += [f"  running {cell.id}  {cell.title}" for cell in [*status.cells("running")][:_SHOWN]]
    failures = [*status.failures()]
    for cell, failed in failures[:_SHOWN]:
        lines.append(f"  failed {cell.id}  {cell.title}")
        lines.append(f"    {printable(failed.message)}")
        lines += [f"    {printable(failed.hint)}"] if failed.hint else []
    if len(failures) > _SHOWN:
        lines.append(f"  ... and {len(failures) - _SHOWN:,} more that failed")
    return "\n".join(lines) + "\n"
