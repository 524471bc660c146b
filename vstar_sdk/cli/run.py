"""``vstar run``: from a spec or a prompt to a video."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import click

from vstar_sdk.cli.arguments import OutPath, SpecArguments, spec_arguments
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.description import describe, plan_data
from vstar_sdk.cli.following import follow
from vstar_sdk.cli.printing import document, document_json, warn
from vstar_sdk.runs.directory import RunDirectory
from vstar_sdk.runs.exporters import exporters
from vstar_sdk.runs.job import Job
from vstar_sdk.runs.leftovers import sweep_all
from vstar_sdk.runs.naming import RUNS, default_directory
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.runs.schedule import evaluations


@click.command(cls=Command)
@spec_arguments
@click.option("-o", "--out", type=OutPath("run directory"), help="The run directory; a new one below runs/ unless named.")
@click.option("--dry-run", is_flag=True, help="Show what would be done; load and write nothing.")
@click.option("--pause-after", type=click.IntRange(1), metavar="STEP", help="Stop after a step; `vstar resume` goes on.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print events as JSON, one a line; the last names the run directory. With --dry-run, the plan.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress; the run directory is still printed.")
def run(
    given: SpecArguments,
    out: Path | None,
    dry_run: bool,
    pause_after: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a video from SPEC: a file, a prompt in quotes, "-" for standard input, or a video that carries its spec.

    The last line of stdout is the run directory: video.mp4, contact-sheet.png, spec.yaml (with every default filled in; running
    it again gives the same video), synopsis.json and manifest.json.
    """
    plan = make_plan(given.load())
    if dry_run:
        if out is not None:
            RunDirectory(out).check(exporters(plan.loaded), latents=plan.spec.latents)
        evaluations(plan)
        if as_json:
            document_json({**plan_data(plan), "warnings": list(plan.warnings())}, indent=None)
            return
        document(f"{describe(plan)}\n")
        for warning in plan.warnings():
            warn(warning)
        return
    # Threads that spin while they wait made a run seven times as long beside one busy neighbour (measured on two cores).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from vstar_sdk.runs.session import start

    if out is None:
        sweep_all(RUNS)
    directory = out or default_directory(plan.spec.prompt)
    began = click.get_current_context().find_object(float)

    def begin() -> Job:
        return start(plan, out=directory, pause_after=pause_after, began=began)

    try:
        follow(begin, directory, as_json=as_json, quiet=quiet)
    except BaseException:
        with suppress(OSError):  # a folder of its own, where the run was ended before it began
            if out is None:
                directory.rmdir()
        raise
