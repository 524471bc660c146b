"""The folder of a service: a folder for each job, which is there once its ``job.json`` is.

``jobs/ID/`` holds ``job.json``, the spec, ``events.jsonl``, what was uploaded, and the run directory ``run``. A service that is
killed leaves every file whole; a job whose ``job.json`` is not there was never promised, or is deleted, and is swept.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from vstar_sdk.errors import OutputError
from vstar_sdk.output import locks
from vstar_sdk.output.whole import write_whole
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.files import read_bounded
from vstar_sdk.service.records import ID, Record

RECORD, EVENTS, RUN = "job.json", "events.jsonl", "run"
_LARGEST = 1 << 20
_DRAFT = "draft"


class Shelf:
    """The jobs on disk.

    Args:
        folder: of the service; made if it is not there.

    Raises:
        OutputError: another service uses it, or it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._closed = False
        self.jobs = (folder / "jobs").resolve()
        try:
            self.jobs.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / ".vstar-service", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            raise OutputError(f"the folder {printable(str(folder))} cannot be used: {error.strerror}") from error
        if not locks.lock(self._lock):
            os.close(self._lock)
            raise OutputError(
                f"another service uses the folder {printable(str(folder))}", hint="stop it, or choose another with --folder"
            )

    def folder(self, job: str) -> Path:
        """The folder of a job.

        Args:
            job: its id; ids are made here, never taken from a request.
        """
        return self.jobs / job

    def run(self, job: str) -> Path:
        """Its run directory."""
        return self.jobs / job / RUN

    def draft(self) -> Path:
        """An empty folder next to those of the jobs, where the relative paths of a spec begin that is planned and not run.

        Raises:
            OutputError: the disk refuses.
        """
        folder = self.jobs / _DRAFT
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"the folder of the service cannot be used: {error.strerror}") from error
        return folder

    def load(self) -> list[Record]:
        """All jobs, by their coming; what is no job is swept.

        Raises:
            OutputError: a ``job.json`` cannot be read.
        """
        found: list[Record] = []
        for entry in self.jobs.iterdir():
            if not ID.fullmatch(entry.name) or entry.is_symlink():
                continue
            path = entry / RECORD
            if not path.exists():
                shutil.rmtree(entry, ignore_errors=True)
                continue
            try:
                found.append(Record.read(json.loads(read_bounded(path, _LARGEST))))
            except (OSError, ValueError, TypeError) as error:
                raise OutputError(f"{path} cannot be read: {error}", hint="remove the folder of this job") from error
        return sorted(found, key=lambda record: record.number)

    def begin(self, job: str, files: Mapping[str, bytes]) -> Path:
        """Make the folder of a job that is not promised yet; until `write` it is nobody's, and swept by the next start.

        Args:
            job: its id, a new one.
            files: that are in it.

        Raises:
            OSError: the disk refuses.
        """
        folder = self.folder(job)
        folder.mkdir()
        for name, content in files.items():
            self.keep(job, name, content)
        return folder

    def keep(self, job: str, name: str, content: bytes) -> None:
        """Write a file of a job.

        Raises:
            OSError: the disk refuses.
        """
        write_whole(self.folder(job) / name, content)

    def write(self, record: Record) -> None:
        """A job has come or changed; from the first time on, it outlives the service.

        Raises:
            OSError: the disk refuses.
        """
        write_whole(self.folder(record.id) / RECORD, json.dumps(record.json()).encode())

    def forget(self, job: str) -> None:
        """Let a job be gone from now on; `remove` takes its files away, or the next start does."""
        (self.folder(job) / RECORD).unlink(missing_ok=True)

    def remove(self, job: str) -> None:
        """Remove a job with all its files."""
        self.forget(job)
        shutil.rmtree(self.folder(job), ignore_errors=True)

    def close(self) -> None:
        """Let another service have the folder."""
        if not self._closed:
            self._closed = True
            locks.unlock(self._lock)
            os.close(self._lock)
