"""Waking event loops from other threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress


class Wakers:
    """Readers in any event loops that wait for what other threads do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], None]] = []

    def __len__(self) -> int:
        """How many wait."""
        return len(self._wakers)

    @contextmanager
    def waiting(self) -> Generator[asyncio.Event]:
        """An event of the running loop that every `wake` sets. Clear it, look, and wait: nothing is missed then."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop was closed while its reader was half through
                loop.call_soon_threadsafe(changed.set)

        with self._lock:
            self._wakers.append(wake)
        try:
            yield changed
        finally:
            with self._lock:
                self._wakers.remove(wake)

    def wake(self) -> None:
        """Let all who wait look again; from any thread."""
        with self._lock:
            for wake in self._wakers:
                wake()
