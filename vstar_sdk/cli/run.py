"""``vstar run``: from a spec or a prompt to a video."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from vstar_sdk import events
from vstar_sdk.cli.arguments import OutPath, SpecArguments, spec_arguments
from vstar_sdk.cli.commands import TOLD, Command
from vstar_sdk.cli.failure import Failure
from vstar_sdk.cli.interrupts import exit_code
from vstar_sdk.cli.printing import document, document_json, warn
from vstar_sdk.cli.progress import Progress
from vstar_sdk.errors import OutputError, RunCancelled
from vstar_sdk.runs.directory import RunDirectory
from vstar_sdk.runs.exporters import exporters
from vstar_sdk.runs.job import Job
from vstar_sdk.runs.leftovers import sweep_all
from vstar_sdk.runs.naming import RUNS, default_directory
from vstar_sdk.runs.plan import Plan, make_plan
from vstar_sdk.runs.result import Result
from vstar_sdk.runs.settings import Settings


@click.command(cls=Command)
@spec_arguments
@click.option("-o", "--out", type=OutPath(path_type=Path), help="The run directory; a new one below runs/ unless named.")
@click.option("--dry-run", is_flag=True, help="Show what would be done; load and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one a line; the last names the run directory.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; the run directory is still printed.")
def run(
    given: SpecArguments,
    out: Path | None,
    dry_run: bool,
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
            RunDirectory(out).check(exporters(plan.loaded))
        from vstar_sdk.runs.schedule import evaluations  # here, because it brings torch

        evaluations(plan)
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
        return start(plan, out=directory, began=began)

    try:
        if as_json:
            lines = _Lines(click.get_current_context())
            _follow(begin, lines.show)
            lines.check()
            return
        with Progress(quiet=quiet) as progress:
            _follow(begin, progress.show)
    except BaseException:
        with suppress(OSError):  # a folder of its own, where the run was ended before it began
            if out is None:
                directory.rmdir()
        raise
    try:
        document(f"{directory}\n")
    except OutputError as error:  # the video is made, and that is what counts
        warn(f"the run directory is {directory}: {error.message}")


def describe(plan: Plan, *, sites: bool = False) -> str:
    """The plan, for ``--dry-run``; ``sites``: every attention by itself."""
    numbers = plan.settings
    lines = [
        plan.summary(),
        *_behind(plan),
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


def _behind(plan: Plan) -> list[str]:
    """What becomes of the frames behind the model, if anything does."""
    spec, lines = plan.spec, list[str]()
    if spec.finish:
        lines.append(f"finished by {', '.join(options.part for options in spec.finish)}: {plan.final}")
    if spec.metrics:
        lines.append(f"measured by {', '.join(options.part for options in spec.metrics)}")
    return lines


def _guidance(numbers: Settings) -> str:
    by = "" if numbers.guided_by == "cfg" else f" by {numbers.guided_by}"
    return f"{numbers.guidance:g}{by}"


class _Lines:
    """Events as lines of JSON. A full disk behind stdout does not end the run; it is told at the end."""

    def __init__(self, ctx: click.Context) -> None:
        self._ctx = ctx
        self._failed: OutputError | None = None

    def show(self, event: events.Event) -> None:
        """Print an event."""
        if isinstance(event, events.RunFailed):
            self._ctx.meta[TOLD] = True
        if self._failed is None:
            try:
                document_json(event.json(), indent=None)
            except OutputError as error:
                self._failed = error

    def check(self) -> None:
        """Tell what kept lines from being printed.

        Raises:
            OutputError: something did.
        """
        if self._failed is not None:
            raise self._failed


def _follow(start: Callable[[], Job], show: Callable[[events.Event], None]) -> Result:
    """Begin a job, and show its events until it ends. A signal ends it at its next step; Ctrl-C after that, at once."""
    job, ended, seen = None, None, 0
    try:
        job = start()
        for event in job.events():
            seen = event.number + 1
            show(event)
    except KeyboardInterrupt as interrupt:
        if job is None:
            raise
        ended = exit_code(interrupt)
        job.cancel()
        _wait(job, seen, show)
    except BaseException:
        # Nobody reads on (a closed pipe, say): the run must not go on behind a program that leaves.
        if job is not None:
            job.cancel()
            _wait(job)
        raise
    try:
        return job.result()
    except RunCancelled as cancelled:
        raise Failure(cancelled, ended=ended) from None


def _wait(job: Job, since: int = 0, show: Callable[[events.Event], object] = lambda event: None) -> None:
    """Wait for a cancelled run; Ctrl-C now leaves at once, whatever the run is doing."""
    try:
        for event in job.events(since):  # not job.result(), which cannot be interrupted everywhere
            with suppress(OSError):  # nobody reads on
                show(event)
    except KeyboardInterrupt as interrupt:
        os._exit(exit_code(interrupt))
