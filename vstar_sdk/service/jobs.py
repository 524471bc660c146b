"""The jobs that a service knows, in memory and on disk, with their logs and the line of those that wait.

Whoever uses it holds ``changed`` while something has to stay as it is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vstar_sdk.service.limits import Limits
from vstar_sdk.service.logs import JobLog
from vstar_sdk.service.records import Record, State
from vstar_sdk.service.refusals import absent
from vstar_sdk.service.shelf import EVENTS, Shelf
from vstar_sdk.service.telling import ended, queued
from vstar_sdk.service.waiting import Waiting

_log = logging.getLogger(__name__)


class Jobs:
    """The jobs, those of earlier services on the same folder included.

    Args:
        shelf: holds them.
        limits: how often one is taken up again.

    Raises:
        OutputError: a file of one is damaged.
    """

    def __init__(self, shelf: Shelf, limits: Limits) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.waiting = Waiting()
        self._shelf = shelf
        self._records: dict[str, Record] = {}
        self._by_key: dict[str, str] = {}
        self._logs: dict[str, JobLog] = {}
        self._number = 0
        for record in shelf.load():
            self._found(record, limits)

    def __len__(self) -> int:
        return len(self._records)

    def number(self) -> int:
        """The place of a new job among all."""
        with self.changed:
            self._number += 1
            return self._number

    def get(self, job: str) -> Record:
        """A job.

        Raises:
            Refusal: there is none.
        """
        with self.changed:
            if (found := self._records.get(job)) is None:
                raise absent("video of this id")
            return found

    def all(self) -> list[Record]:
        """All jobs, by their coming."""
        with self.changed:
            return list(self._records.values())

    def of_key(self, key: str | None) -> Record | None:
        """The job of an ``Idempotency-Key``."""
        with self.changed:
            return self._records.get(self._by_key.get(key, "")) if key is not None else None

    def add(self, record: Record, before: int) -> None:
        """A new job, whose folder is there.

        Args:
            record: of the job.
            before: 1 where another one is under way.

        Raises:
            OSError: the disk refuses.
        """
        with self.changed:
            self._shelf.write(record)
            self._enter(record)
            self.tell(record.id, queued(record.id, (self.waiting.before(record) or 0) + before))
            self.changed.notify_all()

    def note(self, record: Record) -> Record:
        """A job has changed. Where the disk refuses, the service goes on, and the next start does the job again."""
        with self.changed:
            self._records[record.id] = record
            try:
                self._shelf.write(record)
            except OSError as error:
                _log.warning("the job %s cannot be written: %s", record.id, error)
            return record

    def advance(self, job: str, progress: float) -> None:
        """A job is further; this is not written."""
        with self.changed:
            if (now := self._records.get(job)) is not None:
                self._records[job] = replace(now, progress=max(now.progress, progress))

    def end(self, record: Record, state: State, error: Mapping[str, Any] | None) -> Record:
        """A job has ended; its log ends with an event that says so."""
        with self.changed:
            if not self._logs[record.id].tells_the_end:
                self.tell(record.id, ended(record.id, error))
            self.release(record.id)
            share = 1.0 if state == "done" else record.progress
            return self.note(replace(record, state=state, error=error, finished=int(time.time()), progress=share))

    def drop(self, record: Record) -> None:
        """A job is deleted: it is not known any more."""
        with self.changed:
            self._shelf.forget(record.id)
            del self._records[record.id]
            if record.key is not None:
                self._by_key.pop(record.key, None)

    def log(self, record: Record) -> JobLog:
        """The events of a job."""
        with self.changed:
            if (log := self._logs.get(record.id)) is not None:
                return log
        return JobLog(self._shelf.folder(record.id) / EVENTS, ended=True)

    def tell(self, job: str, data: Mapping[str, Any]) -> None:
        """Write an event to the log of a job that has not ended."""
        with self.changed:
            log = self._logs.get(job)
        try:
            if log is not None:
                log.append(data)
        except OSError as error:
            _log.warning("an event cannot be written: %s", error)

    def release(self, job: str) -> None:
        """Nothing more will come of a job now: its readers end."""
        with self.changed:
            if (log := self._logs.pop(job, None)) is not None:
                log.end()

    def dismiss(self) -> None:
        """Let all readers end."""
        with self.changed:
            for log in self._logs.values():
                log.end()

    def oldest(self, kept: int) -> list[str]:
        """The jobs that ended first, where more than some have."""
        with self.changed:
            done = sorted((record for record in self._records.values() if record.ended), key=lambda one: one.finished or 0)
            return [record.id for record in done[: max(0, len(done) - kept)]]

    def _enter(self, record: Record) -> None:
        self._records[record.id] = record
        self._logs[record.id] = JobLog(self._shelf.folder(record.id) / EVENTS)
        if record.key is not None:
            self._by_key[record.key] = record.id
        self.waiting.add(record)

    def _found(self, record: Record, limits: Limits) -> None:
        """A job of an earlier service."""
        self._number = max(self._number, record.number)
        if record.ended:
            self._records[record.id] = record
            if record.key is not None:
                self._by_key[record.key] = record.id
            return
        self._enter(replace(record, state="queued"))
        if record.attempts >= limits.attempts:
            self.waiting.withdraw(record)
            message = f"the service ended {record.attempts} times during this run"
            self.end(record, "failed", {"code": "interrupted", "message": message, "hint": "is there enough memory for it?"})
