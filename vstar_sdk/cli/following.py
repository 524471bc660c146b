"""A job seen from the command line: its events shown until it ends, its signals obeyed."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from vstar_sdk import events
from vstar_sdk.cli.commands import REPORTED
from vstar_sdk.cli.failure import Failure
from vstar_sdk.cli.interrupts import exit_code
from vstar_sdk.cli.printing import document, document_json, say, warn
from vstar_sdk.cli.progress import Progress
from vstar_sdk.errors import ExpectationError, OutputError, RunCancelled, RunPaused
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.job import Job
from vstar_sdk.runs.unfinished import resumable


def follow(
    begin: Callable[[], Job],
    directory: Path,
    *,
    as_json: bool,
    quiet: bool,
    also: Callable[[events.Event], None] = lambda event: None,
) -> None:
    """Begin a job, show how it goes, and print its directory as the last line of stdout.

    Args:
        begin: gives the job.
        directory: its run directory.
        as_json: events as lines of JSON on stdout.
        quiet: warnings only.
        also: given every event before it is shown.

    Raises:
        VstarError: whatever ended the run.
        OutputError: stdout does not take the lines of JSON.
    """
    began = _Began()
    try:
        if as_json:
            lines = _Lines(click.get_current_context())
            _follow(begin, _both(began.see, _both(also, lines.show)))
            lines.check()
            return
        with Progress(quiet=quiet) as progress:
            _follow(begin, _both(began.see, _both(also, progress.show)))
    except RunPaused as paused:
        say(f"{paused.message}; {paused.hint}")
    except ExpectationError:  # the video is there
        if not as_json:
            document(f"{directory}\n")
        raise
    except BaseException:
        if began.stages and resumable(directory):  # one that was refused would be refused again
            say(f"vstar resume {printable(str(directory))}", label="continue with: ", color="cyan", bold=True)
        raise
    if as_json:
        return
    try:
        document(f"{directory}\n")
    except OutputError as error:  # the video is made, and that is what counts
        warn(f"the run directory is {directory}: {error.message}")


def _both(first: Callable[[events.Event], None], then: Callable[[events.Event], None]) -> Callable[[events.Event], None]:
    def both(event: events.Event) -> None:
        first(event)
        then(event)

    return both


class _Began:
    """Whether a run came to its first stage."""

    stages = False

    def see(self, event: events.Event) -> None:
        """Look at an event."""
        self.stages = self.stages or isinstance(event, events.StageStart)


class _Lines:
    """Events as lines of JSON. A full disk behind stdout does not end the run; it is told at the end."""

    def __init__(self, ctx: click.Context) -> None:
        self._ctx = ctx
        self._failed: OutputError | None = None

    def show(self, event: events.Event) -> None:
        """Print an event."""
        if isinstance(event, events.RunFailed):
            self._ctx.meta[REPORTED] = True
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


def _follow(start: Callable[[], Job], show: Callable[[events.Event], None]) -> None:
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
        job.result()
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
