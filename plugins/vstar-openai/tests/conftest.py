"""A real HTTP server on loopback that answers as OpenAI-compatible servers do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from vstar_openai import ChatOptions
from vstar_openai.chat import ChatBackend

from vstar_sdk.testing.llm_faults import good
from vstar_sdk.testing.llm_server import LlmServer, Reply

KEY = "sk-proj-test-2b8e4f6a1c9d7350"


class Chat:
    """How the API words its answers."""

    def answer(self, text: str, *, stop: Literal["end", "length", "refusal"] = "end") -> Reply:
        said = {"content": None, "refusal": text} if stop == "refusal" else {"content": text}
        body = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "test-model-1",
            "choices": [
                {"index": 0, "finish_reason": "length" if stop == "length" else "stop", "message": {"role": "assistant"} | said}
            ],
            "usage": {"prompt_tokens": 900, "completion_tokens": 120, "total_tokens": 1020},
        }
        return Reply(200, json.dumps(body).encode(), {"content-type": "application/json"})

    def error(self, status: int, text: str) -> Reply:
        body = {"error": {"message": text, "type": "some_error", "code": status}}
        return Reply(status, json.dumps(body).encode(), {"content-type": "application/json"})


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Chat:
    """The API's wording; its key in the environment, and no proxy on the way."""
    monkeypatch.setenv("TEST_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "*")
    return Chat()


@pytest.fixture
def server(chat: Chat) -> Iterator[LlmServer]:
    """A server that gives good answers until it is told otherwise."""
    with LlmServer([chat.answer(good())]).serving() as serving:
        yield serving


@pytest.fixture
def backend() -> Callable[..., ChatBackend]:
    """Makes the real backend, in a hurry."""

    def make(url: str, **options: Any) -> ChatBackend:
        given = {"model": "test-model", "base_url": f"{url}/v1", "api_key_env": "TEST_API_KEY", "timeout": 5.0} | options
        return ChatBackend(ChatOptions(**given))

    return make


@pytest.fixture
def key() -> str:
    """The key in ``TEST_API_KEY``."""
    return KEY
