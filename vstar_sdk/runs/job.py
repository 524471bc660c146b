"""A job: a run in a thread of its own, with events, cancel and result."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import cast

from vstar_sdk.errors import RunCancelled
from vstar_sdk.events import Event
from vstar_sdk.runs.result import Result

Work = Callable[[Callable[[Event], None], Callable[[], None]], Result]
"""A run: given where to tell events, and a function that raises `RunCancelled` once the run is to end."""


class Job:
    """A run in progress. Made by `vstar_sdk.start` and `Session.start`."""

    def __init__(self, work: Work, name: str) -> None:
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._result: Result | None = None
        self._error: BaseException | None = None
        # A daemon: a program that leaves without waiting is not held up.
        self._thread = threading.Thread(target=self._run, args=(work,), name=f"vstar-{name}", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether the run has ended, well or not."""
        return not self._thread.is_alive()

    def events(self) -> Iterator[Event]:
        """Everything that happens, from the beginning, until the run ends. Each event is given once."""
        while True:
            try:
                event = self._events.get(timeout=0.2)
            except queue.Empty:
                if self.done:  # an interrupt may have swallowed the closing None
                    return
                continue
            if event is None:
                self._events.put(None)
                return
            yield event

    def cancel(self) -> None:
        """End the run at its next step; files that are half written are removed."""
        self._cancelled.set()

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the end.

        Args:
            timeout: seconds to wait at most.

        Raises:
            TimeoutError: the run goes on.
            RunCancelled: it was cancelled.
            VstarError: it failed.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(f"the run is not done after {timeout:g} s")
        if self._error is not None:
            raise self._error
        return cast(Result, self._result)

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise RunCancelled("the run was cancelled")

    def _run(self, work: Work) -> None:
        try:
            self._result = work(self._events.put, self._check)
        except BaseException as error:
            self._error = error
        finally:
            self._events.put(None)
