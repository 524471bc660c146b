"""A cell that is being done: its claim is a locked file, which also counts how often it was begun.

A process that dies lets go of the lock and leaves the file, so the next one knows that the cell was begun, and how often.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstar_sdk.output import locks
from vstar_sdk.output.digests import digest
from vstar_sdk.runs.belongings import STATE
from vstar_sdk.runs.state import SAMPLER

CLAIM = ".vstar-cell"
"""Name of the claim in the directory of a cell."""

_LARGEST = 1 << 20

_LOADINGS = 3
"""Deaths while a model was loaded that count as one while the cell was done."""


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

    @property
    def taken(self) -> bool:
        """Whether a process took it before, and died."""
        return self._length > 0

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
                if not locks.lock(descriptor):
                    os.close(descriptor)
                    return None
                if locks.leads_to(path, descriptor):
                    content = os.read(descriptor, _LARGEST)
                    return cls(folder, descriptor, _begun(content, _progress(folder)), len(content))
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # it was done between the opening and the lock

    def load(self) -> None:
        """Write down that a model is about to be loaded for the cell.

        Raises:
            OSError: the disk refuses.
        """
        self._note("loading")

    def begin(self) -> None:
        """Write down that the run has begun: its model is loaded.

        Raises:
            OSError: the disk refuses.
        """
        self._note("begun")

    def _note(self, what: str) -> None:
        os.write(self._descriptor, json.dumps({what: _progress(self.folder)}).encode() + b"\n")

    def take_back(self) -> None:
        """It was not begun: it was interrupted on purpose, which is not a fault of the cell."""
        os.ftruncate(self._descriptor, self._length)

    def close(self, *, remove: bool) -> None:
        """Let go.

        Args:
            remove: the file: the cell is done, failed, or was never begun.
        """
        path = self.folder / CLAIM
        try:
            if remove and locks.LOCKS and locks.leads_to(path, self._descriptor):
                path.unlink(missing_ok=True)
        finally:
            os.close(self._descriptor)
        if remove and not locks.LOCKS:  # Windows removes no file that is open
            path.unlink(missing_ok=True)


def _progress(folder: Path) -> str:
    """How far the run of a cell has come, as a text that is another one wherever it has come further."""
    state = folder / STATE
    if (state / "latents").exists():
        return "latents"
    if (state / SAMPLER).exists():
        return digest(state / SAMPLER)
    return "story" if (state / "story.json").exists() else ""


def _begun(content: bytes, progress: str) -> int:
    """How often it was begun from here; that a process died while it loaded the model counts less, for it tells less."""
    begun = loading = 0
    for line in reversed(content.splitlines()):
        try:
            entry: Any = json.loads(line)
        except ValueError:  # the last one may be torn
            continue
        if entry == {"begun": progress}:
            begun += 1
        elif entry == {"loading": progress}:
            loading += 1
        else:
            break
    return begun + max(0, loading - begun) // _LOADINGS
