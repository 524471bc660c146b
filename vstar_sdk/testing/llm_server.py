"""A real HTTP server on loopback that answers as a language model's API does, faults included."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Protocol, Self


@dataclass(frozen=True)
class Reply:
    """One scripted response.

    Attributes:
        status: HTTP status.
        body: what is sent.
        headers: next to the content's length.
        reason: the status line's words.
        delay: seconds before anything is sent.
        drip: seconds between the single bytes of the body; 0 sends it at once.
        drip_headers: let the headers drip as well.
        cut: how many bytes of the body are sent before the connection breaks; None sends all of it.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    reason: str = "OK"
    delay: float = 0.0
    drip: float = 0.0
    drip_headers: bool = False
    cut: int | None = None

    def but(self, **changes: Any) -> Reply:
        """The same reply with some attributes changed."""
        return replace(self, **changes)


class Dialect(Protocol):
    """How one API words its answers."""

    def answer(self, text: str, *, stop: Literal["end", "length", "refusal"] = "end") -> Reply:
        """A model's answer."""
        ...

    def error(self, status: int, text: str) -> Reply:
        """An error with the server's own words, and in its body the status or the API's name for it."""
        ...


class LlmServer(ThreadingHTTPServer):
    """Answers with its script, reply after reply (the last one for ever), and keeps what it was asked.

    ::

        with LlmServer([Reply(500), Reply(200, body)]).serving() as server:
            backend = make_backend(base_url=server.url)

    Args:
        script: the replies.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, script: Sequence[Reply] = ()) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = list(script)
        self.asked: list[dict[str, Any]] = []
        """The JSON bodies that were received."""
        self.paths: list[str] = []
        """The paths that were asked for."""
        self.headers: list[dict[str, str]] = []
        """The headers that were received, names in lower case."""

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next(self, path: str, asked: dict[str, Any], headers: dict[str, str]) -> Reply:
        """Keep the question, and take the next reply."""
        self.paths.append(path)
        self.asked.append(asked)
        self.headers.append(headers)
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    @contextmanager
    def serving(self) -> Generator[Self]:
        """Serve in a thread until the block ends."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: LlmServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        """Answer a question."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        reply = self.server.next(self.path, asked, {name.lower(): value for name, value in self.headers.items()})
        time.sleep(reply.delay)
        headers = {**reply.headers, "content-length": str(len(reply.body))}
        head = f"HTTP/1.0 {reply.status} {reply.reason}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        try:
            self._send(f"{head}\r\n".encode(), reply.drip if reply.drip_headers else 0.0)
            self._send(reply.body[: reply.cut], reply.drip)
        except OSError:
            pass  # the client hung up, as it should after a timeout or too large an answer

    def _send(self, content: bytes, drip: float) -> None:
        step = 1 if drip else len(content) or 1
        for start in range(0, len(content), step):
            self.wfile.write(content[start : start + step])
            time.sleep(drip)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""
