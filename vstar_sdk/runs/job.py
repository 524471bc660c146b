"""A job: a run that waits for its turn, goes on, and ends, with events, cancel and result."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import Future
from typing import Any, Literal

from vstar_sdk import events
from vstar_sdk.errors import RunCancelled, RunPaused, VstarError
from vstar_sdk.runs.forks import renewed_in_children
from vstar_sdk.runs.log import EventLog
from vstar_sdk.runs.progress import progress
from vstar_sdk.runs.queue import Queue
from vstar_sdk.runs.result import Result

_log = logging.getLogger(__name__)

JobState = Literal["queued", "running", "done", "paused", "failed", "cancelled"]

Work = Callable[[Callable[[events.Event], events.Event], Callable[[], None]], Result]
"""A run: given where to log events, and a function that raises `RunCancelled` once the run is to end."""


class Job:
    """A run in the queue of a session. Made by `Session.start` and `vstar_sdk.start`.

    ::

        job = session.start(spec)
        for event in job.events():      # or, where a loop runs: async for event in job
            print(event.kind, f"{job.progress:.0%}")
        result = job.result()           # or: await job

    Attributes:
        id: names the run, in its events and its manifest too.
    """

    def __init__(self, run: str, work: Work, queue: Queue) -> None:
        self.id = run
        self._work, self._queue = work, queue
        self._state: JobState = "queued"
        self._progress = 0.0
        self._cancelled = False
        self._log = EventLog()
        self._outcome = _outcome()
        renewed_in_children(self)
        queue.add(self, waits=lambda before: self._note(events.Queued(run=run, position=before)))

    @property
    def state(self) -> JobState:
        """``queued``, ``running``, or how it ended: ``done``, ``paused``, ``failed``, ``cancelled`` (by `cancel`, or by a
        plugin)."""
        return self._state

    @property
    def position(self) -> int:
        """How many runs come before it, the one under way included; 0 once it has begun."""
        return self._queue.before(self)

    @property
    def progress(self) -> float:
        """How far it is, from 0 to 1: roughly in time, and never falling."""
        return self._progress

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._outcome.done()

    def events(self, since: int = 0) -> Iterator[events.Event]:
        """Everything that happens, until the run ends. Any number of readers may read, each from where it likes.

        Args:
            since: the number of the first event that is wanted; 0 is the beginning.

        Raises:
            VstarError: a part of a run of the same session has read all events so far, and would wait for more; see `result`.
        """
        return self._log.read(since, self._check_waiting)

    def aevents(self, since: int = 0) -> AsyncIterator[events.Event]:
        """As `events`, for ``async for``; ``async for event in job`` reads from the beginning.

        Args:
            since: see `events`.
        """
        return self._log.follow(since, self._check_waiting)

    def __aiter__(self) -> AsyncIterator[events.Event]:
        """Every event from the beginning."""
        return self.aevents()

    def cancel(self) -> None:
        """End it: at once where it waits for its turn, else at its next step; files that are half written are removed."""
        self._cancelled = True
        self._queue.withdraw(self)

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the end.

        Args:
            timeout: seconds to wait at most.

        Raises:
            TimeoutError: the run goes on.
            RunCancelled: it was cancelled.
            RunPaused: it was paused.
            VstarError: it failed; or it is asked for by a part of a run of the same session, which it would wait for.
        """
        self._check_waiting()
        try:
            return self._outcome.result(timeout)
        except TimeoutError:
            if self.done:  # the run's own
                raise
            raise TimeoutError(f"the run is not done after {timeout:g} s") from None
        finally:
            del self  # an error holds this frame, and the job holds the error

    def __await__(self) -> Generator[object, None, Result]:
        """Wait for the end in an event loop; giving up waiting does not cancel the run."""
        import asyncio

        self._check_waiting()
        return asyncio.wrap_future(self._outcome).__await__()

    def add_done_callback(self, call: Callable[[Job], object]) -> None:
        """Have a function called with the job at its end: in the session's thread, or at once if it has ended.

        What the function raises is logged and goes no further.
        """

        def called(_: Future[Result]) -> None:
            try:
                call(self)
            except BaseException:  # a SystemExit, too: it would end the session's thread, and no run would follow
                _log.exception("a callback of the run %s failed", self.id)

        self._outcome.add_done_callback(called)

    def work(self) -> Callable[[], None]:
        """For the queue: see `vstar_sdk.runs.queue.Queued`."""
        if self._cancelled:
            return self.withdrawn
        self._state = "running"
        try:
            result = self._work(self._note, self._check)
        except BaseException as error:
            failure = error
            return lambda: self._end(_ended_by(failure), failure)
        return lambda: self._end("done", result)

    def withdrawn(self) -> None:
        """For the queue: see `vstar_sdk.runs.queue.Queued`."""
        self._give_up("the run was cancelled before it started")

    def after_fork(self) -> None:
        """In a child process: a run that has not ended goes on in the parent, and here it has failed."""
        self._log.renew()
        # Read without its lock, which a thread that is not here may hold.
        before: dict[str, Any] = vars(self._outcome)
        self._outcome = _outcome()
        if before["_state"] != "FINISHED":
            self._give_up("this process was forked; the run continues in the parent process")
        elif before["_exception"] is not None:
            self._outcome.set_exception(before["_exception"])
        else:
            self._outcome.set_result(before["_result"])

    def _note(self, event: events.Event) -> events.Event:
        self._progress = progress(event, self._progress)
        return self._log.append(event)

    def _check_waiting(self) -> None:
        if not self.done and self._queue.serves_in_this_thread():
            raise VstarError(
                "deadlock: a plugin or a callback waits for a run of the same session, which goes on only after it",
                hint="use another session there, or wait in another thread",
            )

    def _check(self) -> None:
        if self._cancelled:
            raise RunCancelled("the run was cancelled")

    def _give_up(self, why: str) -> None:
        error = RunCancelled(why)
        self._note(events.RunFailed(run=self.id, error=error))
        self._end("cancelled", error)

    def _end(self, state: JobState, outcome: Result | BaseException) -> None:
        self._state = state
        self._log.close()  # first: callbacks are called by the next lines, and may read the events to their end
        if isinstance(outcome, BaseException):
            self._outcome.set_exception(outcome)
        else:
            self._outcome.set_result(outcome)


def _ended_by(error: BaseException) -> JobState:
    return "cancelled" if isinstance(error, RunCancelled) else "paused" if isinstance(error, RunPaused) else "failed"


def _outcome() -> Future[Result]:
    """A future that nobody who waits for it can cancel."""
    future: Future[Result] = Future()
    future.set_running_or_notify_cancel()
    return future
