"""A real HTTP server on loopback that answers as the Anthropic Messages API does, faults included."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from vstar_sdk.errors import BackendError
from vstar_sdk.llm.anthropic import AnthropicBackend, AnthropicOptions
from vstar_sdk.llm.contract import Message, Request
from vstar_sdk.synopsis.contract import Brief
from vstar_sdk.synopsis.llm import LlmOptions, LlmWriter
from vstar_sdk.testing.language_model import MessagesDialect
from vstar_sdk.testing.llm_faults import CAPTIONS
from vstar_sdk.testing.llm_server import LlmServer, Reply


class Shape(BaseModel):
    """A shape of answers."""

    word: str


class MessagesApi(LlmServer):
    """The Anthropic Messages API."""

    key = "sk-ant-test-7f3b9c1e5d2a4860"
    captions = CAPTIONS

    request = Request(system="Answer.", messages=(Message(role="user", text="A word?"),), schema=Shape)

    def __init__(self) -> None:
        super().__init__()
        self.message = MessagesDialect().message
        self.script = [self.answer()]

    @staticmethod
    def reply(status: int = 200, body: bytes = b"", *, delay: float = 0.0, drip: float = 0.0, **headers: str) -> Reply:
        """Anything at all."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Reply(status, body, named, delay=delay, drip=drip)

    def answer(self, captions: tuple[str, ...] = captions, *, style: str = "") -> Reply:
        """A good answer, unless the captions are not."""
        return self.message(json.dumps({"states": [{"caption": caption} for caption in captions], "style": style}))

    def fault(self, status: int, kind: str, text: str, *, details: dict[str, str] | None = None, retry_after: str = "0") -> Reply:
        """An error of the API."""
        body = {"type": "error", "error": {"type": kind, "message": text, "details": details}, "request_id": "req_01"}
        return self.reply(status, json.dumps(body).encode(), content_type="application/json", retry_after=retry_after)

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


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[MessagesApi]:
    """The API, its key in the environment, and no proxy on the way."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", MessagesApi.key)
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)
    importlib.import_module("vstar_sdk.llm.messages_api")  # takes seconds, which no test should count
    with MessagesApi().serving() as served:
        yield served


@pytest.fixture
def messages() -> MessagesDialect:
    """The wording of the API's answers."""
    return MessagesDialect()


@pytest.fixture
def brief() -> Callable[..., Brief]:
    """Makes the brief of a run of 64 frames."""

    def make(prompt: str = "an oak from winter to autumn", **more: Any) -> Brief:
        return Brief(**({"prompt": prompt, "frames": 64, "fps": 8.0} | more))

    return make
