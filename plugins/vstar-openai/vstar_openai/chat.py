"""The chat completions API, and the formats that its many servers accept."""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import BaseModel, Field

from vstar_openai import ChatOptions
from vstar_openai.messages import read_message
from vstar_sdk import Completion, Message, Request, Resolver
from vstar_sdk.backends import Endpoint, StatusError, closed_schema, read_secret, with_schema

SERVICE = "the OpenAI-compatible API"

Format = Literal["json_schema", "json_object", "text"]

FORMATS: tuple[Format, ...] = ("json_schema", "json_object", "text")
"""From the strictest to the most lenient. Servers differ: LM Studio knows no json_object, many hosts no json_schema."""


REFUSED = {"content_filter", "safety", "prohibited_content", "recitation", "blocklist", "refusal"}
CUT_OFF = {"length", "max_tokens", "max_output_tokens", "model_length"}
"""What servers call the reasons why an answer ended, written small."""


class ChatCompletion(BaseModel):
    """What is used of an answer; what is in a choice differs from server to server, see `read_message`."""

    choices: list[dict[str, Any]] = Field(min_length=1)
    model: object = None
    usage: object = None


class ChatBackend:
    """Connects when it is first asked, and keeps the connection warm until `close`.

    Args:
        options: the validated options.
        resolver: knows the key by the name of its variable; left out, the environment alone is asked.
    """

    def __init__(self, options: ChatOptions, *, resolver: Resolver | None = None) -> None:
        self._options = options
        self._resolver = resolver or Resolver()
        self._endpoint: Endpoint | None = None
        self._formats: list[Format] = list(FORMATS) if options.format == "auto" else [options.format]
        self._refusals: list[str] = []

    def complete(self, request: Request) -> Completion:
        """Ask once, in the strictest format that the server accepts.

        Raises:
            BackendError: there is no key, or no answer could be had; never holds the key.
        """
        endpoint = self._endpoint = self._endpoint or self._connect()
        while True:
            chosen = self._formats[0]
            try:
                reply = endpoint.post(
                    "/chat/completions", self._body(request, chosen), shape=ChatCompletion, what="chat completion"
                )
                break
            except StatusError as error:
                if len(self._formats) == 1 or not error.refuses_format:
                    raise
                reply = " ".join(error.reply.split())[:200]
            # The server will not change its mind: later questions begin with the next format.
            self._formats.pop(0)
            self._refusals.append(f"the server of {self._options.model} refuses the response format {chosen} ({reply})")
        return self._completion(endpoint, reply)

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None

    def _connect(self) -> Endpoint:
        name = self._options.api_key_env
        secret = read_secret(self._resolver, name, SERVICE) if name else None
        return Endpoint(self._options, service=SERVICE, secret=secret)

    def _body(self, request: Request, chosen: Format) -> dict[str, object]:
        options = self._options
        body: dict[str, object] = {
            "model": options.model,
            "messages": [
                {
                    "role": "system",
                    "content": request.system if chosen == "json_schema" else with_schema(request.system, request.schema),
                },
                *(_turn(message) for message in request.messages),
            ],
            options.token_limit: options.tokens(request.max_tokens),
            "stream": False,
        }
        if chosen == "json_schema":
            schema = closed_schema(request.schema, lengths=False)
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            }
        elif chosen == "json_object":
            body["response_format"] = {"type": "json_object"}
        given = {"temperature": options.temperature, "seed": options.seed}
        return body | {name: value for name, value in given.items() if value is not None}

    def _completion(self, endpoint: Endpoint, reply: ChatCompletion) -> Completion:
        choice = reply.choices[0]
        parts = read_message(choice.get("message") or choice.get("text"))
        reason = str(choice.get("finish_reason") or "").lower()
        refused = bool(parts.refusal) or reason in REFUSED
        usage = _counts(reply.usage)
        held = tuple(f"{refusal}: the answer's format is enforced less strictly" for refusal in self._refusals)
        return Completion(
            text=endpoint.hide((refused and parts.refusal) or parts.text),
            stop="refusal" if refused else "length" if reason in CUT_OFF else "end",
            model=endpoint.hide(reply.model if reply.model and isinstance(reply.model, str) else self._options.model)[:200],
            input_tokens=usage.get("prompt_tokens", 0),
            output_tokens=usage.get("completion_tokens", 0),
            warnings=(*endpoint.warnings, *held),
            thinking=endpoint.hide(parts.thinking),
        )


def _counts(usage: object) -> dict[str, int]:
    counts = cast("dict[str, object]", usage) if isinstance(usage, dict) else {}
    return {name: count for name, count in counts.items() if isinstance(count, int)}


def _turn(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.text}
