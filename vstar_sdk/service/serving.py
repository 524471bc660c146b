"""A service on a socket, until it is told to stop."""

from __future__ import annotations

import socket
import threading
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from vstar_sdk.errors import OutputError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.service.connections import Connection

if TYPE_CHECKING:
    from fastapi import FastAPI

    from vstar_sdk.service.service import Service

_SLOW = 75
"""Seconds that an idle connection is kept."""


class Server(uvicorn.Server):
    """A server that ends its streams as soon as it is told to stop.

    Args:
        app: what it serves.
        service: behind the app.
        log_level: of its messages on stderr.
        connections: that are open at the same time, at most.
    """

    def __init__(self, app: FastAPI, service: Service, *, log_level: str = "warning", connections: int = 2048) -> None:
        self._service = service
        super().__init__(
            uvicorn.Config(
                app,
                http=cast(Any, partial(Connection, seconds=service.limits.head_seconds)),
                ws="websockets-sansio",
                ws_max_size=1 << 16,
                ws_per_message_deflate=False,
                h11_max_incomplete_event_size=1 << 15,
                limit_concurrency=connections,
                timeout_keep_alive=_SLOW,
                timeout_graceful_shutdown=5,
                log_level=log_level,
                access_log=log_level in ("info", "debug"),
                proxy_headers=False,
                server_header=False,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal has come: streams end, the job under way stops at its next step, and then the server does. A second signal
        does not wait for requests."""
        self.force_exit = self.should_exit
        self.should_exit = True
        threading.Thread(target=self._service.stop, daemon=True).start()  # a lock may be this thread's


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: address.
        port: 0 takes any that is free.

    Raises:
        OutputError: it cannot.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise OutputError(
            f"the service cannot listen at {printable(host)}:{port}: {error.strerror or error}", hint="choose another --port"
        ) from None


def address(listener: socket.socket) -> str:
    """The address of a service."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
