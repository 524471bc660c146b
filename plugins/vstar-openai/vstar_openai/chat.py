"""The chat completions API, and the formats that its many servers accept."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, Field

from vstar_openai import ChatOptions
from vstar_sdk import Completion, Message, Request, Resolver
from vstar_sdk.backends import Endpoint, StatusError, closed_schema, read_secret

SERVICE = "the OpenAI-compatible API"

Format = Literal["json_schema", "json_object", "text"]

FORMATS: tuple[Format, ...] = ("json_schema", "json_object", "text")
"""From the strictest to the most lenient. Servers differ: LM Studio knows no json_object, many hosts no json_schema."""


class Said(BaseModel):
    """What is used of a choice's message."""

    content: str | None = None
    refusal: str | None = None


class Choice(BaseModel):
    """What is used of a choice."""

    message: Said
    finish_reason: str | None = None


class Usage(BaseModel):
    """What is used of the usage."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class ChatCompletion(BaseModel):
    """What is used of an answer."""

    choices: list[Choice] = Field(min_length=1)
    model: str | None = None
    usage: Usage | None = None


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
                if len(self._formats) == 1 or not _about_the_format(error):
                    raise
                said = " ".join(error.said.split())[:200]
            # The server will not change its mind: later questions begin with the next format.
            self._formats.pop(0)
            self._refusals.append(f"the server of {self._options.model} refuses the response format {chosen} ({said})")
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
                {"role": "system", "content": _system(request, chosen)},
                *(_turn(message) for message in request.messages),
            ],
            options.token_limit: min(request.max_tokens, options.max_tokens),
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
        choice, usage = reply.choices[0], reply.usage or Usage()
        refused = bool(choice.message.refusal) or choice.finish_reason == "content_filter"
        text = (choice.message.refusal if refused else None) or choice.message.content or ""
        return Completion(
            text=endpoint.hide(text),
            stop="refusal" if refused else "length" if choice.finish_reason == "length" else "end",
            model=endpoint.hide(reply.model or self._options.model)[:200],
            input_tokens=usage.prompt_tokens or 0,
            output_tokens=usage.completion_tokens or 0,
            warnings=tuple(f"{refusal}: the answer is held to its shape less strictly" for refusal in self._refusals),
        )


def _system(request: Request, chosen: Format) -> str:
    """The system message; where the server does not hold the answer to its schema, the schema stands in it."""
    if chosen == "json_schema":
        return request.system
    schema = json.dumps(closed_schema(request.schema), ensure_ascii=False)
    return f"{request.system}\n\nAnswer with one JSON object and nothing around it. It must match this JSON Schema:\n{schema}"


def _turn(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.text}


def _about_the_format(error: StatusError) -> bool:
    """Whether the server refused the response format, and not the question for another reason."""
    said = error.said.lower()
    words = ("response_format", "response format", "json_schema", "json schema", "json_object", "structured", "guided", "grammar")
    return error.status in (400, 404, 415, 422, 500, 501) and any(word in said for word in words)
