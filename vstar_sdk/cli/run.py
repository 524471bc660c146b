"""``vstar run``: from a spec or a prompt to a video."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import click

from vstar_sdk import events
from vstar_sdk.cli.arguments import load, spec_arguments
from vstar_sdk.cli.failure import warn
from vstar_sdk.cli.progress import Progress
from vstar_sdk.runs.directory import RunDirectory, default_directory
from vstar_sdk.runs.exporters import exporters
from vstar_sdk.runs.job import Job
from vstar_sdk.runs.plan import Plan, make_plan
from vstar_sdk.runs.result import Result
from vstar_sdk.runs.settings import Settings


@click.command()
@spec_arguments
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The run directory; a new one below runs/ unless named.")
@click.option("--dry-run", is_flag=True, help="Show what would be done; load and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one a line; the last names the run directory.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; the run directory is still printed.")
def run(
    spec: Path | None,
    prompt: str | None,
    overrides: tuple[str, ...],
    plugins: tuple[str, ...],
    out: Path | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a video from a SPEC file, or from --prompt alone.

    The last line of stdout is the run directory: video.mp4, contact-sheet.png, spec.yaml (with every default filled in; running
    it again gives the same video), synopsis.json and manifest.json.
    """
    plan = make_plan(load(spec, prompt, overrides, plugins))
    if dry_run:
        if out is not None:
            RunDirectory(out).check(exporters(plan.loaded))
        from vstar_sdk.runs.schedule import evaluations  # here, because it brings torch

        evaluations(plan)
        click.echo(describe(plan))
        for warning in plan.warnings():
            warn(warning)
        return
    # Threads that spin while they wait made a run seven times as long beside one busy neighbour (measured on two cores).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from vstar_sdk.runs.session import start

    directory = out or default_directory(plan.spec.prompt)
    job = start(plan, out=directory)
    if as_json:
        _follow(job, lambda event: click.echo(json.dumps(event.json(), ensure_ascii=False)))
        return
    with Progress(quiet=quiet) as progress:
        result = _follow(job, progress.show)
    click.echo(result.directory)


def describe(plan: Plan, *, sites: bool = False) -> str:
    """The plan, for ``--dry-run``; ``sites``: every attention by itself."""
    numbers = plan.settings
    lines = [
        plan.summary(),
        f"scheduler {numbers.scheduler}, guidance {_guidance(numbers)}, eta {numbers.eta:g}, seed {numbers.seed}",
        "",
    ]
    if plan.story is None:
        lines.append(f"the key states will be written by {plan.spec.synopsis.part}")
    else:
        for number, (state, span) in enumerate(zip(plan.story.synopsis.states, plan.story.timeline.spans(), strict=True), 1):
            lines.append(f"{number}. frames {span[0]}-{span[1]}: {state.caption}")
    attention = plan.attention.describe if sites else plan.attention.summary
    return "\n".join([*lines, "", attention(numbers.steps)])


def _guidance(numbers: Settings) -> str:
    by = "" if numbers.guided_by == "cfg" else f" by {numbers.guided_by}"
    return f"{numbers.guidance:g}{by}"


def _follow(job: Job, show: Callable[[events.Event], None]) -> Result:
    """Show the job's events until it ends. Ctrl-C ends it at its next step; a second one, at once."""
    try:
        for event in job.events():
            show(event)
    except KeyboardInterrupt:
        job.cancel()
        _wait(job)
    except BaseException:
        # Nobody reads on (a closed pipe, say): the run must not go on behind a program that leaves.
        job.cancel()
        _wait(job)
        raise
    return job.result()


def _wait(job: Job) -> None:
    """Wait for a cancelled run; Ctrl-C once more leaves at once, whatever the run is doing."""
    try:
        for _ in job.events():  # not job.result(), which cannot be interrupted everywhere
            pass
    except KeyboardInterrupt:
        os._exit(130)
