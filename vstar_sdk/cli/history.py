"""``vstar history``: where a run comes from, and ``vstar undo``: back to the run before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document, document_json, say
from vstar_sdk.plugin.boundary.calls import dotted
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.history import Version
from vstar_sdk.spec.differences import ABSENT


@click.command(cls=Command)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of runs, the newest first.")
def history(run: Path, as_json: bool) -> None:
    """Show the runs that a run continues, and what each changed.

    The newest comes first. redo and extend write a run directory of their own, which keeps frames of the one before.
    """
    from vstar_sdk.runs.history import history as read

    versions = list(read(run))
    if as_json:
        document_json([_data(version) for version in versions])
    else:
        document("\n\n".join(_words(version) for version in versions) + "\n")


@click.command(cls=Command)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON: removed, and the directory of the run before.")
def undo(run: Path, as_json: bool) -> None:
    """Undo a redo or an extend.

    RUN is removed, and the run before it is printed. Only files that the run wrote are removed, and only while the run before is
    there as it was. A run that others next to it go on from is not removed.
    """
    from vstar_sdk.runs.undoing import undo as take_back

    before = take_back(run)
    if as_json:
        document_json({"removed": str(run), "directory": str(before)})
        return
    say(f"removed {printable(str(run))}" + (", but for files that no run wrote" if run.exists() else ""))
    document(f"{before}\n")


def _words(version: Version) -> str:
    run = version.run
    lines = [f"{printable(str(run.directory))}  {run.finished}  run {run.run}"]
    if version.came_from is not None:
        lines.append(f"  keeps frames {version.keeps} of {printable(str(version.came_from))}")
        if version.parent is None:
            lines.append(f"  run {run.parent} is not there any more")
    lines += [f"  {printable(dotted(one.path))}: {' -> '.join(one.values)}" for one in version.changes]
    return "\n".join(lines)


def _data(version: Version) -> dict[str, Any]:
    run = version.run
    changes = [
        {"path": dotted(one.path)} | {key: value for key, value in (("a", one.was), ("b", one.now)) if value is not ABSENT}
        for one in version.changes
    ]
    return {
        "directory": str(run.directory),
        "run": run.run,
        "finished": run.finished,
        "parent": run.parent,
        "from": str(version.came_from) if version.came_from is not None else None,
        "there": version.parent is not None,
        "keeps": version.keeps,
        "changes": changes,
    }
