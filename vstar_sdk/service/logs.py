"""The log of a job: its events as lines of JSON, on disk as they come, for any number of readers and across restarts."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

from vstar_sdk.runs.wakers import Wakers


class JobLog:
    """Events, each with its ``number`` from 0.

    Args:
        path: of the file; lines that are in it come first.
        ended: nothing will come any more.
    """

    def __init__(self, path: Path, *, ended: bool = False) -> None:
        self._path = path
        self._ended = ended
        self._changed = threading.Lock()
        self._wakers = Wakers()
        content = path.read_bytes() if path.exists() else b""
        whole = content.rfind(b"\n") + 1
        if whole < len(content) and not ended:  # a machine that lost its power
            with path.open("r+b") as file:
                file.truncate(whole)
        self._lines = content[:whole].splitlines()

    def __len__(self) -> int:
        return len(self._lines)

    def append(self, data: Mapping[str, Any]) -> None:
        """Write an event; its ``number`` is given here.

        Raises:
            OSError: the disk refuses.
        """
        with self._changed:
            line = json.dumps({**data, "number": len(self._lines)}, ensure_ascii=False).encode()
            with self._path.open("ab") as file:
                file.write(line + b"\n")
            self._lines.append(line)
            self._wakers.wake()

    @property
    def tells_the_end(self) -> bool:
        """Whether its last event is the end of a run."""
        return bool(self._lines) and json.loads(self._lines[-1])["kind"] in ("run_end", "run_error")

    def end(self) -> None:
        """Readers end, for nothing will come any more."""
        with self._changed:
            self._ended = True
            self._wakers.wake()

    def ends_before(self, since: int) -> bool:
        """Whether there is nothing to read from a number on, and never will be."""
        with self._changed:
            return self._ended and since >= len(self._lines)

    async def follow(self, since: int = 0, *, idle: float = 15.0) -> AsyncGenerator[tuple[int, bytes] | None]:
        """Events from a number on, with their numbers, until the log ends.

        Args:
            since: number of the first.
            idle: seconds without an event after which None comes.
        """
        since = max(0, since)
        with self._wakers.waiting() as changed:
            while True:
                changed.clear()
                with self._changed:
                    new, ended = self._lines[since:], self._ended
                for line in new:
                    yield since, line
                    since += 1
                if new:
                    continue
                if ended:
                    return
                try:
                    async with asyncio.timeout(idle):
                        await changed.wait()
                except TimeoutError:
                    yield None
