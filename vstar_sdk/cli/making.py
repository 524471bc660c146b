"""Options and work that the commands share which make a video: `run`, `redo`, `extend`."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from vstar_sdk.cli.arguments import OutPath
from vstar_sdk.cli.description import describe, plan_data
from vstar_sdk.cli.following import follow
from vstar_sdk.cli.preview import Preview, preview_of
from vstar_sdk.cli.printing import document, document_json, warn
from vstar_sdk.errors import RunPaused
from vstar_sdk.runs.directory import RunDirectory
from vstar_sdk.runs.exporters import exporters
from vstar_sdk.runs.job import Job
from vstar_sdk.runs.plan import Plan
from vstar_sdk.runs.schedule import evaluations
from vstar_sdk.runs.sharing import aside, writes


@dataclass(frozen=True)
class Making:
    """What was written on the command line about making a video.

    Attributes:
        out: the run directory; None for a new one.
        dry_run: say what would be done.
        pause_after: a step to stop after.
        preview: shows while it is made what the clip is going to be; None for none.
        as_json: events as lines of JSON.
        quiet: no progress.
    """

    out: Path | None
    dry_run: bool
    pause_after: int | None
    preview: Preview | None
    as_json: bool
    quiet: bool

    def make(self, plan: Plan, within: Path, directory: Callable[[], Path]) -> None:
        """Make the video of a plan, or say what would be done.

        Args:
            plan: of it.
            within: the folder of new run directories.
            directory: makes one there, where none is named.

        Raises:
            VstarError: whatever ended the run.
        """
        if plan.loaded.guard is not None:
            plan.loaded.guard.check_output(self.out or within)
        if self.dry_run:
            self._tell(plan)
            return
        if self.preview is not None:
            self.preview.check()
        # Threads that spin while they wait made a run seven times as long next to one busy neighbour (measured on two cores).
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from vstar_sdk.runs.session import start

        if not writes(plan.spec):
            with aside() as other, suppress(RunPaused):
                start(plan, out=other, pause_after=self.pause_after).result()
            return
        chosen = self.out or directory()
        began = click.get_current_context().find_object(float)

        def begin() -> Job:
            return start(plan, out=chosen, pause_after=self.pause_after, previews=self.preview is not None, began=began)

        try:
            shows = {} if self.preview is None else {"also": self.preview.show}
            follow(begin, chosen, as_json=self.as_json, quiet=self.quiet, **shows)
        except BaseException:
            with suppress(OSError):  # a folder of its own, where the run was ended before it began
                if self.out is None:
                    chosen.rmdir()
            raise

    def _tell(self, plan: Plan) -> None:
        if self.out is not None:
            RunDirectory(self.out).check(exporters(plan.loaded), latents=plan.spec.latents)
        evaluations(plan)
        if self.as_json:
            document_json({**plan_data(plan), "warnings": list(plan.warnings())}, indent=None)
            return
        document(f"{describe(plan)}\n")
        for warning in plan.warnings():
            warn(warning)


F = TypeVar("F", bound=Callable[..., Any])


def making_options(out: str) -> Callable[[F], F]:
    """The options of a command that makes a video, handed on as one `Making` named ``making``.

    Args:
        out: help of the option ``--out``.
    """
    options = (
        click.option("-o", "--out", type=OutPath("run directory"), help=out),
        click.option("--dry-run", is_flag=True, help="Show the plan only; load and write nothing."),
        click.option(
            "--pause-after", type=click.IntRange(1), metavar="STEP", help="Stop after a step; `vstar resume` continues."
        ),
        click.option(
            "--preview",
            metavar="GIF|terminal",
            help="Show a preview of the clip while it is made: in a GIF that every step renews, or as pictures on the terminal.",
        ),
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            help="Print events as JSON, one a line; the last one has the run directory. With --dry-run, the plan.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="No progress; the run directory is still printed."),
    )

    def decorate(function: F) -> F:
        @wraps(function)
        def called(
            *args: Any,
            out: Path | None,
            dry_run: bool,
            pause_after: int | None,
            preview: str | None,
            as_json: bool,
            quiet: bool,
            **named: Any,
        ) -> Any:
            return function(*args, making=Making(out, dry_run, pause_after, preview_of(preview), as_json, quiet), **named)

        for option in reversed(options):
            called = option(called)
        return cast(F, called)

    return decorate
