"""Requests that say with a key that they are the same: the second one waits for what becomes of the first."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager


class Keys:
    """The keys of requests under way."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy: set[str] = set()

    @contextmanager
    def alone(self, key: str | None) -> Generator[None]:
        """Open around a request: no other one with the same key is under way meanwhile.

        Args:
            key: of the request; None: it has none, and waits for nobody.
        """
        if key is None:
            yield
            return
        with self._changed:
            while key in self._busy:
                self._changed.wait()
            self._busy.add(key)
        try:
            yield
        finally:
            with self._changed:
                self._busy.discard(key)
                self._changed.notify_all()
