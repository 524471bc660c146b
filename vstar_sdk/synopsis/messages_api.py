"""The Anthropic Messages API, asked within bounds of time, attempts and size. Imports the SDK: load it when a run asks."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Literal

import anthropic
import httpx2
from anthropic.types import MessageParam
from pydantic import BaseModel, ValidationError

from vstar_sdk.errors import BackendError
from vstar_sdk.synopsis.bounded_http import bounded_client
from vstar_sdk.synopsis.contract import Completion, Message, Request
from vstar_sdk.synopsis.messages_failures import Place, failure, no_message, retry_after, worth_retrying

if TYPE_CHECKING:
    from vstar_sdk.synopsis.anthropic import AnthropicOptions

CONNECT = 10.0
"""Seconds that opening a connection may take, at most."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0
"""Seconds before the first further attempt, which double at each, when the server names no time."""


SHORTEST_KEY = 12
"""Characters of the shortest key that is a secret; servers that ask for none are given a placeholder, such as ``none``."""


class _Block(BaseModel):
    type: str
    text: str = ""


class _Usage(BaseModel):
    input_tokens: int = 0
    output_tokens: int = 0


class _StopDetails(BaseModel):
    explanation: str | None = None


class _Reply(BaseModel):
    """What is used of the API's Message; new kinds of content blocks pass through."""

    content: list[_Block]
    model: str
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None
    usage: _Usage = _Usage()


class MessagesApi:
    """A connection to the API.

    Args:
        options: model, address and bounds.
        key: the API key; it is sent as a header and goes nowhere else.

    Raises:
        BackendError: the address or the proxy's is no address.
    """

    def __init__(self, options: AnthropicOptions, key: str) -> None:
        self._options = options
        self._key = key
        try:
            self._client = anthropic.Anthropic(
                api_key=key,
                base_url=options.base_url,
                max_retries=0,  # the SDK would wait as long as a server says, days if need be
                http_client=bounded_client(),
            )
        except (httpx2.InvalidURL, ImportError, ValueError) as error:
            raise BackendError(
                f"no connection to the Anthropic API can be set up: {error}",
                hint="check synopsis.backend.base_url, and the environment variables ANTHROPIC_BASE_URL and HTTPS_PROXY",
            ) from None
        url = self._client.base_url
        self._place = Place(f"{url.scheme}://{url.netloc.decode()}", options.model, options.api_key_env, options.timeout)

    def ask(self, request: Request) -> Completion:
        """Ask, and ask again after faults that pass.

        Raises:
            BackendError: no answer within the options' time and attempts.
        """
        deadline = time.monotonic() + self._options.timeout * (self._options.retries + 1)
        attempt = 0
        while True:
            attempt += 1
            try:
                left = max(deadline - time.monotonic(), 0.01)
                return self._attempt(request, min(self._options.timeout, left))
            except anthropic.AnthropicError as error:
                wait = self._wait(error, attempt)
                if attempt > self._options.retries or not worth_retrying(error) or time.monotonic() + wait >= deadline:
                    raise self._without_key(failure(error, self._place, attempt)) from None
                time.sleep(wait)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _attempt(self, request: Request, seconds: float) -> Completion:
        response = self._client.messages.with_raw_response.create(
            model=self._options.model,
            max_tokens=min(request.max_tokens, self._options.max_tokens),
            system=request.system,
            messages=[_turn(message) for message in request.messages],
            output_config={"format": {"type": "json_schema", "schema": anthropic.transform_schema(request.schema)}},
            timeout=anthropic.Timeout(seconds, connect=min(seconds, CONNECT)),
        )
        # Read by hand, not by the SDK's parser, which turns cut-off and refused answers into validation errors.
        try:
            reply = _Reply.model_validate_json(response.http_response.content)
        except ValidationError:
            raise no_message(self._place) from None
        text = "".join(block.text for block in reply.content if block.type == "text")
        stop = _stop(reply.stop_reason)
        if stop == "refusal" and not text and reply.stop_details:
            text = reply.stop_details.explanation or ""
        return Completion(
            text=self._hide(text),
            stop=stop,
            model=self._hide(reply.model)[:200],
            input_tokens=reply.usage.input_tokens,
            output_tokens=reply.usage.output_tokens,
        )

    @staticmethod
    def _wait(error: anthropic.AnthropicError, attempt: int) -> float:
        asked = retry_after(error)
        if asked is not None:
            return asked
        return min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.75, 1.0)  # noqa: S311

    def _without_key(self, error: BackendError) -> BackendError:
        return BackendError(self._hide(error.message), hint=self._hide(error.hint) if error.hint else None)

    def _hide(self, text: str) -> str:
        """The text without the key, which a server may send back."""
        return text.replace(self._key, "[key]") if len(self._key) >= SHORTEST_KEY else text


def _turn(message: Message) -> MessageParam:
    if message.role == "user":
        return {"role": "user", "content": message.text}
    return {"role": "assistant", "content": message.text}


def _stop(reason: str | None) -> Literal["end", "length", "refusal"]:
    if reason == "refusal":
        return "refusal"
    return "length" if reason in ("max_tokens", "model_context_window_exceeded") else "end"
