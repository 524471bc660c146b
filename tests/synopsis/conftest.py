"""A real HTTP server on loopback that answers as the Anthropic Messages API does, faults included."""

from __future__ import annotations

import importlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import BaseModel

from vstar_sdk.errors import BackendError
from vstar_sdk.synopsis.anthropic import AnthropicBackend, AnthropicOptions
from vstar_sdk.synopsis.contract import Brief, Message, Request
from vstar_sdk.synopsis.llm import LlmOptions, LlmWriter


class Shape(BaseModel):
    """A shape of answers."""

    word: str


@dataclass(frozen=True)
class Reply:
    """One scripted response.

    Attributes:
        status: HTTP status.
        body: what is sent.
        headers: beside the content's length.
        delay: seconds before anything is sent.
        drip: seconds between the single bytes of the body; 0 sends it at once.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0


class MessagesApi(ThreadingHTTPServer):
    """Answers with its script, reply after reply (the last one for ever), and keeps what it was asked."""

    daemon_threads = True
    block_on_close = False
    key = "sk-ant-test-7f3b9c1e5d2a4860"
    captions = ("a bare oak under snow", "a budding oak in rain", "a green oak in sun", "an orange oak in fog")

    request = Request(system="Answer.", messages=(Message(role="user", text="A word?"),), schema=Shape)

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Reply] = [self.answer()]
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @staticmethod
    def reply(status: int = 200, body: bytes = b"", *, delay: float = 0.0, drip: float = 0.0, **headers: str) -> Reply:
        """Anything at all."""
        return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()}, delay, drip)

    def message(self, text: str, *, stop: str = "end_turn", delay: float = 0.0, drip: float = 0.0, **more: Any) -> Reply:
        """A Message whose one text block holds ``text``, after a block of thinking."""
        body = {
            "id": "msg_01",
            "type": "message",
            "role": "assistant",
            "model": "claude-test-1",
            "content": [{"type": "thinking", "thinking": "", "signature": "c2ln"}, {"type": "text", "text": text}],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {"input_tokens": 900, "output_tokens": 120},
        }
        return self.reply(200, json.dumps(body | more).encode(), delay=delay, drip=drip, content_type="application/json")

    def answer(self, captions: tuple[str, ...] = captions, *, style: str = "") -> Reply:
        """A good answer, unless the captions are not."""
        return self.message(json.dumps({"states": [{"caption": caption} for caption in captions], "style": style}))

    def fault(self, status: int, kind: str, text: str, *, details: dict[str, str] | None = None, retry_after: str = "0") -> Reply:
        """An error of the API."""
        body = {"type": "error", "error": {"type": kind, "message": text, "details": details}, "request_id": "req_01"}
        return self.reply(status, json.dumps(body).encode(), content_type="application/json", retry_after=retry_after)

    def next(self, asked: dict[str, Any], headers: dict[str, str]) -> Reply:
        self.asked.append(asked)
        self.headers.append(headers)
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def backend(self, **options: Any) -> AnthropicBackend:
        """The real backend, in a hurry."""
        return AnthropicBackend(AnthropicOptions(**({"base_url": self.url, "timeout": 5.0} | options)))

    def failure(self, **options: Any) -> str:
        """The error and the hint that a question ends in, checked to hold no key."""
        with pytest.raises(BackendError) as caught:
            self.backend(**options).complete(self.request)
        error = caught.value
        assert self.key not in f"{error!r} {error} {error.hint} {error.__cause__} {vars(error)}"
        return f"{error} | {error.hint}"

    def writer(self, *, backend: dict[str, Any] | None = None, **options: Any) -> LlmWriter:
        """The real writer on the real backend."""
        asked = self.backend(**(backend or {}))
        return LlmWriter(LlmOptions(backend=AnthropicOptions(), **options), backend=asked)


class _Handler(BaseHTTPRequestHandler):
    server: MessagesApi  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        reply = self.server.next(asked, {name.lower(): value for name, value in self.headers.items()})
        time.sleep(reply.delay)
        try:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            step = 1 if reply.drip else len(reply.body) or 1
            for start in range(0, len(reply.body), step):
                self.wfile.write(reply.body[start : start + step])
                time.sleep(reply.drip)
        except OSError:
            pass  # the client hung up, as it should after a timeout or too large an answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[MessagesApi]:
    """The API, its key in the environment, and no proxy on the way."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", MessagesApi.key)
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)
    importlib.import_module("vstar_sdk.synopsis.messages_api")  # takes seconds, which no test should count
    served = MessagesApi()
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()
    thread.join()


@pytest.fixture
def brief() -> Callable[..., Brief]:
    """Makes the brief of a run of 64 frames."""

    def make(prompt: str = "an oak from winter to autumn", **more: Any) -> Brief:
        return Brief(**({"prompt": prompt, "frames": 64, "fps": 8.0} | more))

    return make
