"""The service itself, without HTTP: jobs that are taken, told of, cancelled, deleted, and survive a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vstar_sdk import events
from vstar_sdk.errors import OutputError, RunCancelled
from vstar_sdk.service.intake import Intake
from vstar_sdk.service.jobs import Jobs
from vstar_sdk.service.keys import Keys
from vstar_sdk.service.limits import Limits
from vstar_sdk.service.logs import JobLog
from vstar_sdk.service.orders import Order
from vstar_sdk.service.records import Record, new_id
from vstar_sdk.service.refusals import Refusal, absent, told_error
from vstar_sdk.service.shelf import Shelf
from vstar_sdk.service.telling import told
from vstar_sdk.service.worker import Outcome, Worker
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.guard import Guard

if TYPE_CHECKING:
    from vstar_sdk.previews import Preview
    from vstar_sdk.runs.plan import Plan


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
        self.limits, self.plugins = limits or Limits(), guard.plugins
        self._shelf = Shelf(folder)
        try:
            self._jobs = Jobs(self._shelf, self.limits)
        except BaseException:
            self._shelf.close()
            raise
        guard = guard.model_copy(update={"output": self._shelf.jobs})
        own = guard.model_copy(update={"roots": (*guard.roots, self._shelf.jobs)})
        self._intake = Intake(guard, defaults, self.limits, self._finished_run)
        self._worker = Worker(self, self._shelf, own, self.limits, max_models)
        self._keys, self._on_end = Keys(), on_end
        self._changed = self._jobs.changed
        self._coming = 0
        self._running: str | None = None
        self._began = 0.0
        self._shown: tuple[str, int, Preview] | None = None
        self._closing = False

    def start(self) -> None:
        """Begin to do jobs."""
        self._worker.start()

    def stop(self) -> None:
        """Take nothing more, end the streams, and interrupt the job under way at its next step. May be called again."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._jobs.dismiss()
            if self._running is not None:
                self._worker.end(self._running, "stop")

    def close(self) -> None:
        """Stop, and wait for it. The job that was under way goes on with the next start, as do those that wait."""
        self.stop()
        self._worker.join()
        self._shelf.close()

    @property
    def closing(self) -> bool:
        """Whether it takes nothing any more."""
        return self._closing

    def counts(self) -> dict[str, int]:
        """How many jobs are ``waiting`` and ``running``, and how many are known."""
        with self._changed:
            return {"waiting": len(self._jobs.waiting), "running": int(self._running is not None), "jobs": len(self._jobs)}

    def submit(self, order: Order) -> tuple[Record, bool]:
        """Take a job. Once this returns, the job outlives the service.

        Returns:
            The job, and whether it is that of an earlier request with the same key.

        Raises:
            Refusal: the queue is full, or the key was used with another request.
            VstarError: the spec is wrong, or reaches what it may not; or the disk refuses.
        """
        with self._keys.alone(order.key):
            if (before := self._jobs.of_key(order.key)) is not None:
                _check_same(before, order)
                return before, True
            with self._place():
                return self._taken(order), False

    def plan(self, document: Document) -> Plan:
        """What a spec would do, were it submitted.

        Raises:
            Refusal: it continues from a job that is not there, or not done.
            VstarError: the spec is wrong, or reaches what it may not.
        """
        return self._intake.plan(document, self._shelf.draft())

    @contextmanager
    def planned(self, document: Document, files: Mapping[str, bytes]) -> Generator[Plan]:
        """What a spec would do, were it submitted with some files, which are there meanwhile.

        Raises:
            Refusal: see `plan`.
            VstarError: see `plan`, or the disk refuses.
        """
        if not files:
            yield self.plan(document)
            return
        job = new_id()
        try:
            try:
                folder = self._shelf.begin(job, files)
            except OSError as error:
                raise _full(error) from error
            yield self._intake.plan(document, folder, (folder,))
        finally:
            self._shelf.remove(job)

    def record(self, job: str) -> Record:
        """A job.

        Raises:
            Refusal: there is none.
        """
        return self._jobs.get(job)

    def records(self) -> list[Record]:
        """All jobs, by their coming."""
        return self._jobs.all()

    def position(self, record: Record) -> int:
        """How many jobs come before it, the one under way included; 0 where it does not wait."""
        with self._changed:
            before = self._jobs.waiting.before(record)
            return 0 if before is None else before + (self._running is not None)

    def folder(self, record: Record) -> Path:
        """The run directory of a job."""
        return self._shelf.run(record.id)

    def uploads(self, record: Record) -> Path:
        """The folder of what was uploaded for a job, among other files."""
        return self._shelf.folder(record.id)

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
        return self._jobs.log(record)

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
            record = self._jobs.get(job)
            waited = self._jobs.waiting.withdraw(record)
            if waited:
                error = told_error(RunCancelled("the run was cancelled before it started"))
                record = self._jobs.end(record, "cancelled", error)
            elif self._running == job:
                self._worker.end(job, "cancel")
        if waited:
            self._on_end(record, 0.0)
            self._clear_out()
        return record

    def delete(self, job: str) -> Record:
        """Delete a job with its files; one that has not ended is cancelled. It is gone at once.

        Raises:
            Refusal: there is none.
        """
        with self._changed:
            record = self._jobs.get(job)
            self._jobs.drop(record)
            waited, running = self._jobs.waiting.withdraw(record), self._running == job
            if running:
                self._worker.end(job, "cancel")  # its files go when it has ended
            else:
                self._jobs.release(job)
        if not running:
            self._shelf.remove(job)
        if waited:
            self._on_end(replace(record, state="cancelled"), 0.0)
        return record

    def take(self) -> Record | None:
        """For the worker: see `vstar_sdk.service.worker.Desk`."""
        with self._changed:
            while not len(self._jobs.waiting) and not self._closing:
                self._changed.wait()
            if self._closing:
                return None
            record = self._jobs.get(self._jobs.waiting.take())
            self._running, self._began = record.id, time.monotonic()
            return self._jobs.note(replace(record, state="running", attempts=record.attempts + 1))

    def told(self, record: Record, event: events.Event, progress: float) -> None:
        """For the worker: see `vstar_sdk.service.worker.Desk`."""
        self._jobs.advance(record.id, progress)
        if isinstance(event, events.Step) and event.preview is not None:
            with self._changed:
                self._shown = record.id, event.step, event.preview
        if self._closing and isinstance(event, events.RunFailed) and isinstance(event.error, RunCancelled):
            return  # the run is interrupted because the service is: that is not its end
        self._jobs.tell(record.id, told(event, record.id, self._shelf.run(record.id)))

    def ended(self, record: Record, outcome: Outcome | None) -> None:
        """For the worker: see `vstar_sdk.service.worker.Desk`."""
        with self._changed:
            self._running = self._shown = None
            try:
                now = self._jobs.get(record.id)
            except Refusal:
                now = None
            if now is not None and outcome is not None:
                now = self._jobs.end(now, *outcome)
            elif now is not None:
                self._jobs.note(replace(now, attempts=now.attempts - 1))
            self._jobs.release(record.id)
        if now is None:
            self._shelf.remove(record.id)
        if outcome is not None:
            self._on_end(now or replace(record, state="cancelled"), time.monotonic() - self._began)
        self._clear_out()

    def _clear_out(self) -> None:
        """Delete the jobs that ended first, where there are more than may be kept."""
        for job in self._jobs.oldest(self.limits.kept):
            with suppress(Refusal):  # it was deleted meanwhile
                self.delete(job)

    @contextmanager
    def _place(self) -> Generator[None]:
        """Hold a place in the queue while an order is checked."""
        with self._changed:
            if self._closing:
                raise Refusal(503, "the service is stopping", code="stopping", headers={"Retry-After": "10"})
            if len(self._jobs.waiting) + self._coming >= self.limits.queue:
                message = f"{self.limits.queue} jobs wait already"
                raise Refusal(429, message, code="queue_full", hint="try again later", headers={"Retry-After": "5"})
            self._coming += 1
        try:
            yield
        finally:
            with self._changed:
                self._coming -= 1

    def _taken(self, order: Order) -> Record:
        job = new_id()
        try:
            folder = self._shelf.begin(job, order.files)
            checked, spec = self._intake.check(order, folder)
            record = checked(job, self._jobs.number())
            self._shelf.keep(job, record.spec, spec)
            with self._changed:
                self._jobs.add(record, int(self._running is not None))
            return record
        except BaseException as error:
            self._shelf.remove(job)
            if isinstance(error, OSError):
                raise _full(error) from error
            raise

    def _finished_run(self, job: str) -> Path:
        """The run directory of a finished job, for one that continues from it."""
        record = self._jobs.get(job)
        if record.state != "done":
            raise Refusal(409, f"the video to continue from is {record.state}", code="not_done", param="start")
        return self._shelf.run(job)


def _full(error: OSError) -> OutputError:
    return OutputError(f"a job cannot be written: {error.strerror}", hint="is the disk full?")


def _check_same(record: Record, order: Order) -> None:
    """Refuse a key that came with another request before."""
    if record.fingerprint != order.fingerprint:
        raise Refusal(
            409,
            "this Idempotency-Key came with another request before",
            code="idempotency_key_reused",
            hint="use a new key for a new request",
        )
