"""A cell that is being done: its claim is a locked file, which also counts how often it was begun.

A process that dies lets go of the lock and leaves the file, so the next one knows that the cell was begun, and how often.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstar_sdk.output.digests import digest
from vstar_sdk.runs.belongings import STATE
from vstar_sdk.runs.state import SAMPLER

try:
    import fcntl
except ImportError:  # Windows: two processes at one cell are told apart by the journal of the run alone
    fcntl = None

CLAIM = ".vstar-cell"
"""Name of the claim in the directory of a cell."""

_LARGEST = 1 << 20


@dataclass
class Claim:
    """A locked cell.

    Attributes:
        folder: of the cell.
        begun: how often it was begun before without coming further than the time before.
    """

    folder: Path
    _descriptor: int
    begun: int = 0
    _length: int = 0

    @classmethod
    def take(cls, folder: Path) -> Claim | None:
        """Lock a cell; its folder is made.

        Returns:
            The claim, or None where another process has it.

        Raises:
            OSError: it cannot be locked.
        """
        path = folder / CLAIM
        while True:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o644)
            try:
                if not _lock(descriptor):
                    os.close(descriptor)
                    return None
                if _is(path, descriptor):
                    content = os.read(descriptor, _LARGEST)
                    return cls(folder, descriptor, _begun(content, _progress(folder)), len(content))
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # it was done between the opening and the lock

    def begin(self) -> None:
        """Write down that the cell is begun.

        Raises:
            OSError: the disk refuses.
        """
        os.write(self._descriptor, json.dumps({"begun": _progress(self.folder)}).encode() + b"\n")

    def take_back(self) -> None:
        """It was not begun: it was interrupted on purpose, which is no fault of the cell."""
        os.ftruncate(self._descriptor, self._length)

    def close(self, *, remove: bool) -> None:
        """Let go.

        Args:
            remove: the file: the cell is done, failed, or was never begun.
        """
        path = self.folder / CLAIM
        try:
            if remove and fcntl is not None and _is(path, self._descriptor):
                path.unlink(missing_ok=True)
        finally:
            os.close(self._descriptor)
        if remove and fcntl is None:  # Windows removes no file that is open
            path.unlink(missing_ok=True)


def held(path: Path) -> bool:
    """Whether a process that is alive has locked a file; one that is not there is not locked."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return False
    try:
        return not _lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, shared: bool = False) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is(path: Path, descriptor: int) -> bool:
    """Whether the path still leads to the open file."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _progress(folder: Path) -> str:
    """How far the run of a cell has come, as a text that is another one wherever it has come further."""
    state = folder / STATE
    if (state / "latents").exists():
        return "latents"
    if (state / SAMPLER).exists():
        return digest(state / SAMPLER)
    return "story" if (state / "story.json").exists() else ""


def _begun(content: bytes, progress: str) -> int:
    """How many of the last lines say that it was begun from here."""
    count = 0
    for line in reversed(content.splitlines()):
        try:
            entry: Any = json.loads(line)
        except ValueError:  # the last one may be torn
            continue
        if entry != {"begun": progress}:
            break
        count += 1
    return count
