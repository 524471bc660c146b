"""The journal of a run under way: what it is about to write, held open and locked until its end.

A process that dies lets go of the lock and leaves the journal, so the next run knows what to sweep and what it may replace.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from vstar_sdk.errors import OutputError
from vstar_sdk.output import locks

JOURNAL = ".vstar-run"
"""Name of the journal in a run directory."""

_LARGEST = 16 << 20
"""Bytes of a journal that are read: a line for each file."""


@dataclass
class Journal:
    """A locked journal.

    Attributes:
        path: the file.
        drafts: hidden files and folders, relative to the run directory, that something was or is made in.
        files: names of what was put in place, or is about to be, with digests that it may have.
    """

    path: Path
    _descriptor: int
    drafts: list[str] = field(default_factory=list[str])
    files: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    _torn: bool = False

    @classmethod
    def open(cls, folder: Path, *, create: bool = True) -> Journal | None:
        """Lock the journal of a run directory.

        Args:
            folder: the run directory.
            create: make the journal where there is none.

        Returns:
            The journal, with what runs that died wrote to it; None where there is none, and none is to be made.

        Raises:
            OutputError: a run that is alive holds it.
            OSError: it cannot be opened.
        """
        path = folder / JOURNAL
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        while True:
            try:
                descriptor = os.open(path, flags | os.O_CREAT if create else flags, 0o644)
            except FileNotFoundError:
                if create:
                    raise
                return None
            try:
                if not locks.lock(descriptor):
                    raise OutputError(f"another run is using {folder}", hint="wait until it ends, or choose another with --out")
                if locks.leads_to(path, descriptor):
                    content = os.read(descriptor, _LARGEST)
                    journal = cls(path, descriptor, _torn=content[-1:] not in (b"", b"\n"))
                    for entry in _entries(content):
                        journal._take(entry)
                    return journal
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # its run ended between the opening and the lock

    def draft(self, name: str) -> None:
        """Something is about to be made under a hidden name.

        Raises:
            OSError: the disk refuses.
        """
        self._note({"draft": name})

    def file(self, name: str, digest: str) -> None:
        """A file or folder of this content is about to be put in place.

        Raises:
            OSError: the disk refuses.
        """
        self._note({"file": name, "sha256": digest})

    def close(self, *, remove: bool) -> None:
        """Let go; ``remove`` it where nothing depends on it any more."""
        remove = remove and locks.leads_to(self.path, self._descriptor)
        try:
            if remove and locks.LOCKS:
                self.path.unlink(missing_ok=True)
        finally:
            locks.unlock(self._descriptor)
            os.close(self._descriptor)
        if remove and not locks.LOCKS:  # Windows removes no file that is open
            self.path.unlink(missing_ok=True)

    def _note(self, entry: Mapping[str, str]) -> None:
        line = json.dumps(entry).encode() + b"\n"
        left = memoryview(b"\n" + line if self._torn else line)
        self._torn = True
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._torn = False
        self._take(entry)

    def _take(self, entry: Mapping[str, Any]) -> None:
        match entry:
            case {"draft": str(name)}:
                self.drafts.append(name)
            case {"file": str(name), "sha256": str(digest)}:
                self.files.setdefault(name, set()).add(digest)
            case _:
                pass


def _entries(content: bytes) -> Iterator[Mapping[str, Any]]:
    """The lines that can be read: the last one may be torn."""
    for line in content.splitlines():
        try:
            entry: object = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield cast(dict[str, Any], entry)
