"""A language model on loopback that specs can name: it answers in the words of the Anthropic Messages API, or in others."""

from __future__ import annotations

import json
from typing import Any, Literal

from vstar_sdk.testing.llm_server import Dialect, LlmServer, Reply

KEY = "sk-test-7f3b9c1e5d2a4860"
"""The key that is sent to it; not a real one."""

_STOPS = {"end": "end_turn", "length": "max_tokens", "refusal": "refusal"}

_ERRORS = {402: "billing_error", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}


class MessagesDialect:
    """How the Anthropic Messages API words its answers."""

    def message(self, text: str, *, stop: str = "end_turn", delay: float = 0.0, drip: float = 0.0, **more: Any) -> Reply:
        """A Message whose one text block holds ``text``, after a block of thinking.

        Args:
            text: of the answer.
            stop: its ``stop_reason``.
            delay: see `Reply`.
            drip: see `Reply`.
            more: other fields of the Message.
        """
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
        return Reply(200, json.dumps(body | more).encode(), {"content-type": "application/json"}, delay=delay, drip=drip)

    def answer(self, text: str, *, stop: Literal["end", "length", "refusal"] = "end") -> Reply:
        """See `Dialect.answer`."""
        return self.message(text, stop=_STOPS[stop])

    def error(self, status: int, text: str) -> Reply:
        """See `Dialect.error`."""
        kind = _ERRORS.get(status, "invalid_request_error")
        body = {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_01"}
        return Reply(status, json.dumps(body).encode(), {"content-type": "application/json"})


class LanguageModel(LlmServer):
    """A server whose answers a test sets; it begins with two captions.

    Args:
        dialect: how it words its answers; set `dialect` for another API, before `states` or `says`.
    """

    def __init__(self, dialect: Dialect | None = None) -> None:
        super().__init__()
        self.dialect: Dialect = dialect or MessagesDialect()
        self.states("a green landscape in summer", "a snowy landscape in winter")

    def states(self, *captions: str) -> None:
        """Answer with key states from now on.

        Args:
            captions: one for each state.
        """
        self.says(json.dumps({"states": [{"caption": caption} for caption in captions], "style": ""}))

    def says(self, *texts: str) -> None:
        """Answer with these texts, one after the other; the last one for ever."""
        self.script = [self.dialect.answer(text) for text in texts]

    def fails(self, status: int, text: str = "out of order") -> None:
        """Answer with an error from now on.

        Args:
            status: of HTTP.
            text: the server's words.
        """
        self.script = [self.dialect.error(status, text)]

    @property
    def backend(self) -> dict[str, Any]:
        """The ``backend`` of a spec's ``synopsis: {use: llm}`` that asks it; for the first dialect alone."""
        return {"use": "anthropic", "base_url": self.url, "retries": 0}
