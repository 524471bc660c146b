"""The service itself, without HTTP: jobs that are taken, told of, cancelled, deleted, and survive a restart."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vstar_sdk import events
from vstar_sdk.errors import RunCancelled
from vstar_sdk.service.intake import Intake
from vstar_sdk.service.keys import Keys
from vstar_sdk.service.limits import Limits
from vstar_sdk.service.logs import JobLog
from vstar_sdk.service.orders import Order
from vstar_sdk.service.records import Record, new_id
from vstar_sdk.service.refusals import Refusal, absent, told_error
from vstar_sdk.service.shelf import EVENTS, Shelf
from vstar_sdk.service.telling import interrupted, queued, told
from vstar_sdk.service.waiting import Waiting
from vstar_sdk.service.worker import Outcome, Worker
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Generator

    from vstar_sdk.previews import Preview

_log = logging.getLogger(__name__)


class Service:
    """Takes jobs and does them one by one.

    Args:
        folder: where everything is kept; one service at a time uses it.
        guard: what the specs of clients may reach; its ``output`` is not used: every run is below ``folder``.
        defaults: count where a spec is silent.
        limits: how much it takes.
        max_models: see `vstar_sdk.Session`.
        on_end: told of every job that has ended, with the seconds that it took.

    Raises:
        OutputError: another service uses the folder, or a file in it is damaged.
    """

    def __init__(
        self,
        folder: Path,
        *,
        guard: Guard,
        defaults: Document | None = None,
        limits: Limits | None = None,
        max_models: int | None = 1,
        on_end: Callable[[Record, float], object] = lambda record, seconds: None,
    ) -> None:
        self.limits = limits or Limits()
        self._shelf = Shelf(folder)
        jobs = self._shelf.jobs
        guard = guard.model_copy(update={"output": jobs})
        self._intake = Intake(guard, defaults, self.limits, self._finished_run)
        self._on_end = on_end
        self._changed = threading.Condition(threading.RLock())
        self._keys = Keys()
        self._records: dict[str, Record] = {}
        self._by_key: dict[str, str] = {}
        self._logs: dict[str, JobLog] = {}
        self._waiting, self._coming = Waiting(), 0
        self._running: str | None = None
        self._began = 0.0
        self._shown: tuple[str, int, Preview] | None = None
        self._number = 0
        self._closing = False
        own = guard.model_copy(update={"roots": (*guard.roots, jobs)})
        self._worker = Worker(self, self._shelf, own, self.limits, max_models)
        for record in self._shelf.load():
            self._found(record)

    def start(self) -> None:
        """Begin to do jobs."""
        self._worker.start()

    def stop(self) -> None:
        """Take nothing more, end the streams, and interrupt the job under way at its next step. May be called again."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            for log in self._logs.values():
                log.end()
            if self._running is not None:
                self._worker.end(self._running, "stop")

    def close(self) -> None:
        """Stop, and wait for it. The job that was under way goes on with the next start, as do those that wait."""
        self.stop()
        self._worker.join()
        self._shelf.close()

    @property
    def models(self) -> tuple[str, ...]:
        """The models in memory."""
        return self._worker.models

    @property
    def closing(self) -> bool:
        """Whether it takes nothing any more."""
        return self._closing

    def counts(self) -> dict[str, int]:
        """How many jobs are ``waiting`` and ``running``, and how many are known."""
        with self._changed:
            return {"waiting": len(self._waiting), "running": int(self._running is not None), "jobs": len(self._records)}

    def submit(self, order: Order) -> tuple[Record, bool]:
        """Take a job. Once this returns, the job outlives the service.

        Returns:
            The job, and whether it is that of an earlier request with the same key.

        Raises:
            Refusal: the queue is full, or the key was used with another request.
            VstarError: the spec is wrong, or reaches what it may not.
        """
        with self._keys.alone(order.key):
            if (before := self._same(order)) is not None:
                return before, True
            with self._place():
                return self._take_in(order), False

    def record(self, job: str) -> Record:
        """A job.

        Raises:
            Refusal: there is none.
        """
        with self._changed:
            if (found := self._records.get(job)) is None:
                raise absent("video of this id")
            return found

    def records(self) -> list[Record]:
        """All jobs, by their coming."""
        with self._changed:
            return list(self._records.values())

    def position(self, record: Record) -> int:
        """How many jobs come before it, the one under way included; 0 where it does not wait."""
        with self._changed:
            before = self._waiting.before(record)
            return 0 if before is None else before + (self._running is not None)

    def folder(self, record: Record) -> Path:
        """The run directory of a job."""
        return self._shelf.run(record.id)

    def spec(self, record: Record) -> bytes:
        """The spec of a job, as YAML.

        Raises:
            Refusal: the job was deleted meanwhile.
        """
        try:
            return (self._shelf.folder(record.id) / record.spec).read_bytes()
        except FileNotFoundError:
            raise absent("video of this id") from None

    def log(self, record: Record) -> JobLog:
        """The events of a job."""
        with self._changed:
            if (log := self._logs.get(record.id)) is not None:
                return log
        return JobLog(self._shelf.folder(record.id) / EVENTS, ended=True)

    def preview(self, record: Record) -> tuple[int, Preview] | None:
        """The latest step of a job under way, and what its clip is going to be."""
        with self._changed:
            shown = self._shown
        return shown[1:] if shown is not None and shown[0] == record.id else None

    def cancel(self, job: str) -> Record:
        """End a job: at once where it waits, else at its next step. One that has ended stays as it is.

        Raises:
            Refusal: there is none.
        """
        with self._changed:
            record = self.record(job)
            if self._waiting.withdraw(record):
                return self._give_up(record)
            if self._running == job:
                self._worker.end(job, "cancel")
            return record

    def delete(self, job: str) -> Record:
        """Delete a job with its files; one that has not ended is cancelled. It is gone at once.

        Raises:
            Refusal: there is none.
        """
        with self._changed:
            record = self.record(job)
            self._shelf.forget(job)
            waited = self._waiting.withdraw(record)
            running = self._running == job
            if running:
                self._worker.end(job, "cancel")  # its files go when it has ended
            del self._records[job]
            if record.key is not None:
                self._by_key.pop(record.key, None)
            if not running and (log := self._logs.pop(job, None)) is not None:
                log.end()
        if not running:
            self._shelf.remove(job)
        if waited:
            self._on_end(replace(record, state="cancelled"), 0.0)
        return record

    def take(self) -> Record | None:
        """For the worker: see `vstar_sdk.service.worker.Desk`."""
        with self._changed:
            while not len(self._waiting) and not self._closing:
                self._changed.wait()
            if self._closing:
                return None
            record = self._records[self._waiting.take()]
            self._running, self._began = record.id, time.monotonic()
            return self._note(replace(record, state="running", attempts=record.attempts + 1))

    def told(self, record: Record, event: events.Event, progress: float) -> None:
        """For the worker: see `vstar_sdk.service.worker.Desk`."""
        with self._changed:
            if (now := self._records.get(record.id)) is not None:
                self._records[record.id] = replace(now, progress=max(now.progress, progress))
            if isinstance(event, events.Step) and event.preview is not None:
                self._shown = record.id, event.step, event.preview
            if self._closing:
                return  # the run ends because the service does: that is no news of the job
            log = self._logs.get(record.id)
        if log is not None:
            self._append(log, told(event, record.id, self._shelf.run(record.id)))

    def ended(self, record: Record, outcome: Outcome | None) -> None:
        """For the worker: see `vstar_sdk.service.worker.Desk`."""
        with self._changed:
            self._running = self._shown = None
            now = self._records.get(record.id)
            log = self._logs.pop(record.id, None)
            if log is not None:
                log.end()
            if now is not None and outcome is None:
                self._note(replace(now, attempts=now.attempts - 1))
            elif now is not None and outcome is not None:
                state, error = outcome
                share = 1.0 if state == "done" else now.progress
                now = self._note(replace(now, state=state, error=error, finished=int(time.time()), progress=share))
        if now is None:
            self._shelf.remove(record.id)
        if outcome is not None:
            self._on_end(now or replace(record, state="cancelled"), time.monotonic() - self._began)
        self._clear_out()

    def _same(self, order: Order) -> Record | None:
        with self._changed:
            job = self._by_key.get(order.key) if order.key is not None else None
            if job is None:
                return None
            record = self._records[job]
        if record.fingerprint != order.fingerprint:
            raise Refusal(
                409,
                "this Idempotency-Key came with another request before",
                code="idempotency_key_reused",
                hint="use a new key for a new request",
            )
        return record

    @contextmanager
    def _place(self) -> Generator[None]:
        """Hold a place in the queue while an order is checked."""
        with self._changed:
            if self._closing:
                raise Refusal(503, "the service is stopping", code="stopping", headers={"Retry-After": "10"})
            if len(self._waiting) + self._coming >= self.limits.queue:
                raise Refusal(
                    429,
                    f"{self.limits.queue} jobs wait already",
                    code="queue_full",
                    hint="try again later",
                    headers={"Retry-After": "5"},
                )
            self._coming += 1
        try:
            yield
        finally:
            with self._changed:
                self._coming -= 1

    def _take_in(self, order: Order) -> Record:
        job = new_id()
        taken = self._intake.take(order, job, self._shelf.folder(job), self._next_number)
        record = taken.record
        self._shelf.put(record, taken.files)
        with self._changed:
            self._enter(record)
            if record.key is not None:
                self._by_key[record.key] = record.id
            self._append(self._logs[record.id], queued(record.id, self.position(record)))
            self._changed.notify_all()
        return record

    def _next_number(self) -> int:
        with self._changed:
            self._number += 1
            return self._number

    def _finished_run(self, job: str) -> Path:
        """The run directory of a finished job, for one that continues from it."""
        record = self.record(job)
        if record.state != "done":
            raise Refusal(409, f"the video to continue from is {record.state}", code="not_done", param="start")
        return self._shelf.run(job)

    def _found(self, record: Record) -> None:
        """A job of an earlier service on the same folder."""
        self._number = max(self._number, record.number)
        if record.key is not None:
            self._by_key[record.key] = record.id
        if record.ended:
            self._records[record.id] = record
        elif record.attempts >= self.limits.attempts:
            message = f"the service ended {record.attempts} times during this run"
            error = {"code": "interrupted", "message": message, "hint": "is there enough memory for it?"}
            self._logs[record.id] = log = JobLog(self._shelf.folder(record.id) / EVENTS)
            self._append(log, interrupted(record.id, error))
            self._logs.pop(record.id).end()
            self._note(replace(record, state="failed", error=error, finished=int(time.time())))
        else:
            self._enter(replace(record, state="queued"))

    def _enter(self, record: Record) -> None:
        self._records[record.id] = record
        self._logs[record.id] = JobLog(self._shelf.folder(record.id) / EVENTS)
        self._waiting.add(record)

    def _give_up(self, record: Record) -> Record:
        """End a job that never began."""
        error = RunCancelled("the run was cancelled before it started")
        log = self._logs.pop(record.id)
        self._append(log, interrupted(record.id, told_error(error)))
        log.end()
        ended = self._note(replace(record, state="cancelled", error=told_error(error), finished=int(time.time())))
        self._on_end(ended, 0.0)
        return ended

    def _note(self, record: Record) -> Record:
        """Keep a job that has changed; where the disk refuses, the service goes on, and the next start does the job again."""
        self._records[record.id] = record
        try:
            self._shelf.write(record)
        except OSError as error:
            _log.warning("the job %s cannot be written: %s", record.id, error)
        return record

    def _append(self, log: JobLog, data: dict[str, object]) -> None:
        try:
            log.append(data)
        except OSError as error:
            _log.warning("an event cannot be written: %s", error)

    def _clear_out(self) -> None:
        """Delete the jobs that ended first, where there are more than may be kept."""
        with self._changed:
            done = sorted((record for record in self._records.values() if record.ended), key=lambda one: one.finished or 0)
            old = [record.id for record in done[: max(0, len(done) - self.limits.kept)]]
        for job in old:
            self.delete(job)
