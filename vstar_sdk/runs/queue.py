"""A queue of jobs: one at a time, in the order in which they came."""

from __future__ import annotations

import atexit
import math
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Protocol

from vstar_sdk.errors import VstarError
from vstar_sdk.runs.forks import renewed_in_children

_LEAVE = 20.0
"""Seconds that a program which ends gives its runs to stop: a step of a large model may take longer."""

_queues: weakref.WeakSet[Queue] = weakref.WeakSet()


class Queued(Protocol):
    """A job as its queue sees it."""

    def work(self) -> Callable[[], None]:
        """Do it, whatever comes of it, and return what tells the outcome: called once the next job may begin."""
        ...

    def withdrawn(self) -> None:
        """It will never begin."""
        ...

    def cancel(self) -> None:
        """End it: it is to withdraw where it waits."""
        ...


class Queue:
    """Jobs that take turns in one thread, which is there while there is work."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Queued] = deque()
        self._current: Queued | None = None
        self._worker: threading.Thread | None = None
        self._closed = False
        renewed_in_children(self)
        _queues.add(self)

    @property
    def closed(self) -> bool:
        """Whether it takes no more jobs."""
        return self._closed

    def add(self, job: Queued, waits: Callable[[int], object]) -> None:
        """Put a job at the end.

        Args:
            job: to do.
            waits: told how many are before it, if any are, before it can begin.

        Raises:
            VstarError: the queue is closed.
        """
        with self._changed:
            if self._closed:
                raise closed_error()
            if before := len(self._waiting) + (self._current is not None):
                waits(before)
            self._waiting.append(job)
            if self._worker is None:
                # A daemon: a program that leaves without waiting is held up only until its run has stopped, see _leave.
                self._worker = threading.Thread(target=self._serve, name="vstar-session", daemon=True)
                self._worker.start()

    def withdraw(self, job: Queued) -> bool:
        """Take a job out before it begins.

        Returns:
            Whether it was still waiting.
        """
        with self._changed:
            if job not in self._waiting:
                return False
            self._waiting.remove(job)
        job.withdrawn()
        return True

    def before(self, job: Queued) -> int:
        """How many jobs are before a waiting one, that which is under way included; 0 for any other."""
        with self._changed:
            return self._waiting.index(job) + (self._current is not None) if job in self._waiting else 0

    def serves_in_this_thread(self) -> bool:
        """Whether the caller is a part of the job that is under way."""
        return threading.current_thread() is self._worker

    def close(self) -> None:
        """Take no more jobs."""
        with self._changed:
            self._closed = True

    def wait(self, seconds: float = math.inf) -> None:
        """Wait until all jobs are done, or so long; from inside of one of them, do not."""
        until = time.monotonic() + seconds
        with self._changed:
            while self._worker is not None and not self.serves_in_this_thread() and time.monotonic() < until:
                self._changed.wait(0.5)  # with an end: where waiting cannot be interrupted, Ctrl-C is heard in between

    def jobs(self) -> list[Queued]:
        """Those that are not done: the one under way, then those that wait."""
        with self._changed:
            return [*([self._current] if self._current is not None else []), *self._waiting]

    def after_fork(self) -> None:
        """In a child process: the worker is not there, and every job goes on in the parent alone."""
        self._changed = threading.Condition()
        self._waiting.clear()
        self._current = self._worker = None

    def _serve(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._worker = None
                    self._changed.notify_all()
                    return
                job = self._current = self._waiting.popleft()
            tell = job.work()
            with self._changed:
                self._current = None
            tell()
            del job, tell  # else the last job, and all that it made, would live as long as the next one runs


@atexit.register
def _leave() -> None:
    """End what is under way when the program ends: a thread that is still in torch then would abort the process."""
    left = list(_queues)
    for queue in left:
        queue.close()
        for job in reversed(queue.jobs()):
            job.cancel()
    until = time.monotonic() + _LEAVE
    for queue in left:
        queue.wait(until - time.monotonic())


def closed_error() -> VstarError:
    """The error for whoever asks a closed session for something."""
    return VstarError("the session is closed", hint="open another one: with vstar_sdk.Session() as session: ...")
