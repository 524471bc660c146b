"""The log of a run: its events in order, kept, for any number of readers, threads and event loops."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

from vstar_sdk.events import Event, Step
from vstar_sdk.runs.wakers import Wakers


class EventLog:
    """Events that are numbered as they come, and can be read from any number on.

    A preview holds the latents of a whole clip: of the steps, the log keeps the latest preview alone.
    """

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._closed = False
        self._shown: int | None = None
        self._changed = threading.Condition()
        self._wakers = Wakers()

    def append(self, event: Event) -> Event:
        """Add an event.

        Returns:
            The event with its number.
        """
        with self._changed:
            event = replace(event, number=len(self._events))
            self._events.append(event)
            if isinstance(event, Step) and event.preview is not None:
                if self._shown is not None:
                    before = self._events[self._shown]
                    self._events[self._shown] = replace(before, preview=None)
                self._shown = event.number
            self._wake()
        return event

    def close(self) -> None:
        """Nothing will come any more: readers end."""
        with self._changed:
            self._closed = True
            self._wake()

    def read(self, since: int = 0, before_waiting: Callable[[], object] = lambda: None) -> Iterator[Event]:
        """All events from a number on, those to come included, until the log is closed.

        Args:
            since: number of the first one; 0 is the beginning, and so is whatever is less.
            before_waiting: called where the next event is not there yet; what it raises is the reader's.
        """
        since = max(0, since)
        while True:
            with self._changed:
                while len(self._events) <= since and not self._closed:
                    before_waiting()
                    self._changed.wait(0.5)  # with an end: where waiting cannot be interrupted, Ctrl-C is heard in between
                new = self._events[since:]
            if not new:
                return
            yield from new
            since += len(new)

    async def follow(self, since: int = 0, before_waiting: Callable[[], object] = lambda: None) -> AsyncIterator[Event]:
        """As `read`, for an event loop: no thread waits.

        Args:
            since: see `read`.
            before_waiting: see `read`.
        """
        since = max(0, since)
        with self._wakers.waiting() as changed:
            while True:
                changed.clear()
                with self._changed:
                    new, closed = self._events[since:], self._closed
                for event in new:
                    yield event
                since += len(new)
                if closed and not new:
                    return
                if not new:
                    before_waiting()
                    await changed.wait()

    def renew(self) -> None:
        """Take a new lock, in a process that was forked."""
        self._changed = threading.Condition()
        self._wakers = Wakers()

    def _wake(self) -> None:
        self._changed.notify_all()
        self._wakers.wake()
