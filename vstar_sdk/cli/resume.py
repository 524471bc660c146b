"""``vstar resume``: runs that were interrupted or paused go on."""

from __future__ import annotations

import os
from pathlib import Path

import click

from vstar_sdk.cli.arguments import guarded_option
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.following import follow
from vstar_sdk.runs.session import Session
from vstar_sdk.spec.defaults import own_guard


@click.command(cls=Command)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--pause-after", type=click.IntRange(1), metavar="STEP", help="Stop again after a step.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one a line.")
@guarded_option()
@click.option("-q", "--quiet", is_flag=True, help="No progress; the run directories are still printed.")
def resume(runs: tuple[Path, ...], pause_after: int | None, as_json: bool, guarded: bool, quiet: bool) -> None:
    """Continue interrupted runs, each from its last state.

    RUN is the directory of a run that was paused, cancelled or killed. The frames are the same as without the interruption. A
    language model is not called again.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see `vstar_sdk.cli.run`
    with Session(guard=own_guard(wanted=guarded)) as session:
        for run in runs:
            follow(lambda run=run: session.resume(run, pause_after=pause_after), run, as_json=as_json, quiet=quiet)
