"""The Anthropic Messages API, asked within bounds of time, attempts and size. Imports the SDK: load it when a run asks."""

from __future__ import annotations

import codecs
import json
import os
from typing import Any, Literal

import anthropic
import httpx2
from anthropic.types import MessageParam, OutputConfigParam
from pydantic import BaseModel

from vstar_sdk.errors import BackendError
from vstar_sdk.llm.addresses import REMEDY, check_address, open_to_others
from vstar_sdk.llm.anthropic_options import SERVICE, AnthropicOptions
from vstar_sdk.llm.attempts import persist, unusable
from vstar_sdk.llm.bounded_http import CONNECT, OutOfTime, TooLarge, bounded_client, in_time
from vstar_sdk.llm.contract import Completion, Message, Request
from vstar_sdk.llm.error_body import as_shape, fault_in
from vstar_sdk.llm.faults import Fault, Place, StatusError, brief, plain_http, retry_after
from vstar_sdk.llm.schemas import with_schema
from vstar_sdk.llm.secrets import Secret, redacted_logs


class _Block(BaseModel):
    type: str
    text: str | None = None
    thinking: str | None = None
    input: dict[str, Any] | None = None


class _Usage(BaseModel):
    input_tokens: int = 0
    output_tokens: int = 0


class _StopDetails(BaseModel):
    explanation: str | None = None


class _Reply(BaseModel):
    """What is used of the API's Message; new kinds of content blocks pass through."""

    content: list[_Block] | str
    model: str
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None
    usage: _Usage = _Usage()


class MessagesApi:
    """A connection to the API.

    Args:
        options: model, address and bounds.
        secret: the API key; it is sent as a header and goes nowhere else.

    Raises:
        BackendError: the address or the proxy's is not an address.
    """

    def __init__(self, options: AnthropicOptions, secret: Secret) -> None:
        self._options = options
        self._secret = secret
        problem = ""
        try:
            self._client = self._connect()
        except (httpx2.InvalidURL, ImportError, ValueError) as error:
            problem = unusable(error, secret)
        if problem:
            raise BackendError(
                f"no connection to {SERVICE} can be set up: {problem}",
                hint="check synopsis.backend.base_url, and the environment variables ANTHROPIC_BASE_URL and HTTPS_PROXY",
            )
        url = self._client.base_url
        self._place = Place(
            service=SERVICE,
            url=f"{url.scheme}://{url.netloc.decode()}",
            model=options.model,
            key=secret.name,
            timeout=options.timeout,
        )
        self._held = True
        self._warnings: tuple[str, ...] = ()
        if open_to_others(str(url)):
            if not options.insecure:
                raise BackendError(
                    f"the key of {SERVICE} would be sent over plain http to {self._place.url}, where anyone can read it",
                    hint=REMEDY,
                )
            self._warnings = plain_http(self._place)

    def ask(self, request: Request) -> Completion:
        """Ask, and ask again after faults that pass.

        Raises:
            BackendError: no answer within the options' time and attempts.
        """
        with redacted_logs(self._secret, ("anthropic", "httpx2", "httpcore2")):
            try:
                return self._persist(request)
            except StatusError as error:
                if not (self._held and error.refuses_format):
                    raise
                reply = brief(error.reply)
            # The server will not change its mind: later questions are asked like this as well.
            self._held = False
            self._warnings += (f"the server of {self._options.model} does not constrain the answer to its JSON Schema ({reply})",)
            return self._persist(request)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _persist(self, request: Request) -> Completion:
        return persist(
            lambda seconds: self._attempt(request, seconds),
            place=self._place,
            retries=self._options.retries,
            secret=self._secret,
        )

    def _connect(self) -> anthropic.Anthropic:
        check_address(self._options.base_url or os.environ.get("ANTHROPIC_BASE_URL") or "https://api.anthropic.com")
        return anthropic.Anthropic(
            api_key=self._secret.reveal(),
            base_url=self._options.base_url,
            max_retries=0,  # the SDK would wait as long as a server says, days if need be
            http_client=bounded_client(),
        )

    def _attempt(self, request: Request, seconds: float) -> Completion:
        try:
            body = in_time(lambda: self._post(request, seconds), seconds)
        except OutOfTime:
            self._client.close()
            self._client = self._connect()
            raise Fault("timeout") from None
        except anthropic.AnthropicError as error:
            raise _fault(error) from None
        # Read by hand, not by the SDK's parser, which turns cut-off and refused answers into validation errors.
        reply = as_shape(body, _Reply)
        found = fault_in(body, certain=reply is not None)
        if found is not None:
            raise Fault("status", found.words, status=found.status or 200, spent=found.spent)
        if reply is None:
            raise Fault("nonsense", "Message")
        text, thinking = _parts(reply.content)
        stop = _stop(reply.stop_reason)
        if stop == "refusal" and not text and reply.stop_details:
            text = reply.stop_details.explanation or ""
        return Completion(
            text=self._secret.hide(text),
            stop=stop,
            model=self._secret.hide(reply.model)[:200],
            input_tokens=reply.usage.input_tokens,
            output_tokens=reply.usage.output_tokens,
            warnings=self._warnings,
            thinking=self._secret.hide(thinking),
        )

    def _post(self, request: Request, seconds: float) -> bytes:
        response = self._client.messages.with_raw_response.create(
            model=self._options.model,
            max_tokens=self._options.tokens(request.max_tokens),
            system=request.system if self._held else with_schema(request.system, request.schema),
            messages=[_turn(message) for message in request.messages],
            output_config=_format(request) if self._held else anthropic.omit,
            timeout=anthropic.Timeout(seconds, connect=min(seconds, CONNECT)),
        )
        return response.http_response.content.removeprefix(codecs.BOM_UTF8)


def _parts(content: list[_Block] | str) -> tuple[str, str]:
    """The text, arguments of a tool among it, and the thinking."""
    if isinstance(content, str):
        return content, ""
    pieces = [json.dumps(block.input) if block.type == "tool_use" else block.text or "" for block in content]
    return "".join(pieces), "".join(block.thinking or "" for block in content)


def _format(request: Request) -> OutputConfigParam:
    return {"format": {"type": "json_schema", "schema": anthropic.transform_schema(request.schema)}}


def _fault(error: anthropic.AnthropicError) -> Fault:
    """What the SDK's error means."""
    if isinstance(error, anthropic.APITimeoutError):
        return Fault("timeout")
    if isinstance(error, anthropic.APIConnectionError):
        cause = error.__cause__ or error
        return Fault("bounds" if isinstance(cause, TooLarge) else "unreachable", str(cause))
    if isinstance(error, anthropic.APIStatusError):
        # A spending limit looks like a rate limit, but does not pass by waiting.
        spent = error.status_code == 429 and error.error_code == "enforced_spend_limit_reached"
        wait = retry_after(error.response.headers)
        return Fault("status", error.api_message or "", status=error.status_code, wait=wait, spent=spent)
    return Fault("bounds", str(error))


def _turn(message: Message) -> MessageParam:
    if message.role == "user":
        return {"role": "user", "content": message.text}
    return {"role": "assistant", "content": message.text}


def _stop(reason: str | None) -> Literal["end", "length", "refusal"]:
    if reason == "refusal":
        return "refusal"
    return "length" if reason in ("max_tokens", "model_context_window_exceeded") else "end"
