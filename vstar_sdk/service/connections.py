"""Connections that send the head of a request in time, or are closed: slow heads would hold all that there may be."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """A connection.

    Args:
        seconds: in which the head of a request must be there, from its first byte; the first one's from the beginning.
        named: see `uvicorn`.
    """

    def __init__(self, *, seconds: float, **named: Any) -> None:
        super().__init__(**named)
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """It is open."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Something has come: a head, a part of one, or of a body."""
        before = self.cycle
        idle = self.cycle is None or self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]
        super().data_received(data)
        if not idle or self.cycle is not before or self not in self.connections:
            self._rest()
        elif self._timer is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self.transport.close)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
