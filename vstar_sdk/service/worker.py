"""The thread that does the jobs, one after the other, in a session of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Protocol

from vstar_sdk import events
from vstar_sdk.errors import RunCancelled, VstarError
from vstar_sdk.reading.files import read_bounded
from vstar_sdk.runs.belongings import MANIFEST, unsealed
from vstar_sdk.runs.job import Job
from vstar_sdk.runs.session import Session
from vstar_sdk.runs.unfinished import resumable
from vstar_sdk.service.limits import Limits
from vstar_sdk.service.records import Record, State
from vstar_sdk.service.refusals import told_error
from vstar_sdk.service.shelf import Shelf
from vstar_sdk.spec.document import read
from vstar_sdk.spec.guard import Guard
from vstar_sdk.spec.loading import SpecLoader

_log = logging.getLogger(__name__)

_LARGEST = 64 << 20

Why = Literal["cancel", "time", "stop"]
Outcome = tuple[State, Mapping[str, Any] | None]


class Desk(Protocol):
    """Where the worker gets its jobs, and tells what becomes of them."""

    def take(self) -> Record | None:
        """The next job, which is running from now on; waits for one. None: there will be no more."""
        ...

    def told(self, record: Record, event: events.Event, progress: float) -> None:
        """Something has happened in a job."""
        ...

    def ended(self, record: Record, outcome: Outcome | None) -> None:
        """A job has ended; None: it was interrupted, and goes on with the next start."""
        ...


class Worker:
    """Does jobs in a thread.

    Args:
        desk: gives them.
        shelf: has their specs and run directories.
        guard: what they may reach.
        limits: how long one may take.
        max_models: see `Session`.
    """

    def __init__(self, desk: Desk, shelf: Shelf, guard: Guard, limits: Limits, max_models: int | None) -> None:
        self._desk, self._shelf, self._limits = desk, shelf, limits
        self._loader = SpecLoader(guard=guard)
        self._session = Session(max_models=max_models, guard=guard)
        self._lock = threading.Lock()
        self._running: tuple[str, Job] | None = None
        self._why: dict[str, Why] = {}
        self._thread = threading.Thread(target=self._serve, name="vstar-service", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def models(self) -> tuple[str, ...]:
        """The models in memory."""
        return self._session.models

    def end(self, job: str, why: Why) -> None:
        """End a job that the desk has given and that has not ended: before it begins, or at its next step."""
        with self._lock:
            self._why.setdefault(job, why)
            if self._running is not None and self._running[0] == job:
                self._running[1].cancel()

    def join(self) -> None:
        """Wait for the end of the job under way, whose desk gives no other, and let go of the models."""
        if self._thread.is_alive():
            self._thread.join()
        self._session.close(cancel=True)

    def _serve(self) -> None:
        while (record := self._desk.take()) is not None:
            try:
                outcome = self._do(record)
            except Exception as error:
                _log.exception("the job %s failed", record.id)
                outcome = "failed", told_error(error)
            self._desk.ended(record, outcome)
            with self._lock:
                self._why.pop(record.id, None)

    def _do(self, record: Record) -> Outcome | None:
        directory = self._shelf.run(record.id)
        if (before := _whole(directory)) is not None:
            return before
        try:
            job = self._begun(record, directory)
        except VstarError as error:
            return "failed", told_error(error)
        with self._lock:
            self._running = record.id, job
            if record.id in self._why:
                job.cancel()
        try:
            return self._followed(record, job)
        finally:
            with self._lock:
                self._running = None

    def _followed(self, record: Record, job: Job) -> Outcome | None:
        timer = threading.Timer(self._limits.seconds, self._out_of_time, (record.id,))
        timer.daemon = True
        timer.start()
        try:
            for event in job.events():
                self._desk.told(record, event, job.progress)
            job.result()
        except RunCancelled as error:
            return _cancelled(self._why.get(record.id), self._limits, error)
        except Exception as error:
            if not isinstance(error, VstarError):
                _log.exception("the job %s failed", record.id)
            return "failed", told_error(error)
        finally:
            timer.cancel()
        return "done", None

    def _out_of_time(self, job: str) -> None:
        with self._lock:
            under_way = self._running is not None and self._running[0] == job
        if under_way:
            self.end(job, "time")

    def _begun(self, record: Record, directory: Path) -> Job:
        """A run that goes on from its state, or begins.

        Raises:
            VstarError: it can do neither.
        """
        if resumable(directory):
            return self._session.resume(directory, previews=True)
        document = read(self._shelf.folder(record.id) / record.spec)
        return self._session.start(self._loader.load(document), out=directory, previews=True)


def _cancelled(why: Why | None, limits: Limits, error: RunCancelled) -> Outcome | None:
    match why:
        case "stop":
            return None
        case "time":
            message = f"the run took longer than this service allows: {limits.seconds:g} s"
            return "failed", {"code": "time_limit", "message": message, "hint": "ask for fewer frames or steps"}
        case _:
            return "cancelled", told_error(error)


def _whole(directory: Path) -> Outcome | None:
    """How a run ended whose service was killed before it could say so."""
    with suppress(OSError):
        if (record := unsealed(read_bounded(directory / MANIFEST, _LARGEST))) is not None and not resumable(directory):
            missed = [one for one in record["expect"] if not one["kept"]]
            if not missed:
                return "done", None
            words = ", ".join(f"{one['name']} is {one['measured']:.4g}" for one in missed)
            return "failed", {"code": "not_as_expected", "message": f"the video is not as expected: {words}", "hint": None}
    return None
