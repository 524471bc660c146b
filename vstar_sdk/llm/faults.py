"""What can go wrong with an HTTP API, in sentences with a remedy; and whether to ask again."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vstar_sdk.errors import BackendError

Kind = Literal["timeout", "unreachable", "bounds", "nonsense", "status"]

LATER = "try again later"

_LONGEST_REPLY = 2000
"""Characters of a server's words that an error keeps."""


class Fault(Exception):
    """One attempt that failed.

    Args:
        kind: ``timeout``, ``unreachable``, ``bounds`` for an answer too large to be read, ``nonsense`` for one that is not of the
            API, ``status`` for an HTTP status that is an error.
        reply: the server's or the network's own words.
        status: the HTTP status, also one that stands in the body of a success, or 0.
        wait: seconds that the server asks to wait, or None.
        spent: the status means that the account has nothing left, and does not pass by waiting.
    """

    def __init__(
        self,
        kind: Kind,
        reply: str = "",
        *,
        status: int = 0,
        wait: float | None = None,
        spent: bool = False,
    ) -> None:
        super().__init__(kind)
        self.kind: Kind = kind
        self.reply, self.status, self.wait, self.spent = reply, status, wait, spent

    @property
    def passing(self) -> bool:
        """Whether it is worth asking again: no connection, a timeout, a rate limit, a server error."""
        if self.kind == "status":
            return not self.spent and (self.status in (408, 409, 429) or (self.status >= 500 and self.status != 501))
        return self.kind in ("timeout", "unreachable")


class RefusedGrammar(Exception):
    """A local model cannot be held to a JSON Schema: the library's words."""


class StatusError(BackendError):
    """An HTTP API answered with an error status.

    Attributes:
        status: the HTTP status.
        reply: the server's own words, without the key.
    """

    def __init__(self, message: str, *, hint: str | None, status: int, reply: str) -> None:
        super().__init__(message, hint=hint)
        self.status, self.reply = status, reply

    @property
    def refuses_format(self) -> bool:
        """Whether the server refuses to hold the answer to a schema, and not the question for another reason: ask freely then."""
        return self.status in _REFUSALS and is_about_format(self.reply)


_REFUSALS = (200, 400, 404, 415, 422, 500, 501)

_FORMAT = re.compile(
    r"response[_ ]format|output[_ ](?:format|config)|schema|json[_ ](?:object|mode|schema)|structured|guided|grammar"
    r"|constrained|failed to generate json",
    re.IGNORECASE,
)


def is_about_format(reply: str) -> bool:
    """Whether a server's words are about the form that it was to hold the answer to."""
    return bool(_FORMAT.search(reply))


@dataclass(frozen=True, kw_only=True)
class Place:
    """Who was asked for what, for messages.

    Attributes:
        service: ``the Anthropic API``.
        url: its address, without user and path.
        model: id of the model.
        key: name of the environment variable that holds the key; None where no key is sent.
        timeout: seconds that one attempt may take.
    """

    service: str
    url: str
    model: str
    key: str | None
    timeout: float


def plain_http(place: Place) -> tuple[str, ...]:
    """The warning about an address that others can listen at."""
    what = "the key, the prompt and the answer" if place.key else "the prompt and the answer"
    return (f"{place.url} is used over plain http: others on the network can read {what}and change them",)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait, or None when it does not say so in seconds."""
    for header, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        with contextlib.suppress(KeyError, ValueError):
            seconds = float(headers[header]) * unit
            if 0 <= seconds < math.inf:
                return seconds
    return None


def failure(fault: Fault, place: Place, attempts: int) -> BackendError:
    """The error of a question whose last attempt ended so.

    Args:
        fault: the last attempt's; its words must hold no key.
        place: who was asked.
        attempts: how many there were.
    """
    tries = f", after {attempts} attempts" if attempts > 1 else ""
    if fault.kind == "timeout":
        return BackendError(
            f"{place.url} gave no answer within {place.timeout:g} s{tries}",
            hint="raise synopsis.backend.timeout, or choose a faster model",
        )
    if fault.kind == "unreachable":
        return BackendError(
            f"{place.url} cannot be reached{tries}: {brief(fault.reply)}",
            hint="check the network, the proxy and synopsis.backend.base_url",
        )
    if fault.kind == "bounds":
        hint = f"check that synopsis.backend.base_url is the address of {place.service}"
        return BackendError(f"{place.url}: {brief(fault.reply)}", hint=hint)
    if fault.kind == "nonsense":
        return BackendError(
            f"{place.url} answered with something that is not a {fault.reply} of {place.service}",
            hint="check synopsis.backend.base_url: another service may be listening there",
        )
    message, hint = _status(fault, place, tries)
    reply = f": {brief(fault.reply)}" if fault.reply else ""
    return StatusError(f"{message} ({fault.status}){reply}", hint=hint, status=fault.status, reply=fault.reply[:_LONGEST_REPLY])


def _status(fault: Fault, place: Place, tries: str) -> tuple[str, str]:
    """What a status means here, and the remedy."""
    status, key = fault.status, place.key or "api_key_env"
    if status == 401 and place.key is None:
        return f"{place.url} requires a key", "name the environment variable that holds it in synopsis.backend.api_key_env"
    if status == 401:
        return f"{place.url} does not accept the key in {key}", f"set {key} to a valid key"
    if status == 402 or fault.spent:
        return f"{place.url} refuses: the account's credit or limit is used up", "see the account's plans and billing"
    if status == 403:
        return f"the key in {key} may not use {place.model}", "choose another model, or a key with more rights"
    if status == 404:
        return f"{place.url} has no model '{place.model}'", "check synopsis.backend.model and synopsis.backend.base_url"
    if status == 413:
        return f"{place.url} says that the request is too large", "shorten the prompt or the template"
    if status == 429:
        asks = f", and demands to wait {fault.wait:g} s" if fault.wait else ""
        return f"{place.url} limits the rate of requests{asks}{tries}", LATER
    if status == 529:
        return f"{place.url} is overloaded{tries}", f"{LATER}, or choose another model"
    if status >= 500:
        return f"{place.url} failed{tries}", LATER
    if status < 300:
        remedy = "check synopsis.backend.base_url, whose path (/v1, say) is part of it, and synopsis.backend.model"
        return f"{place.url} answered with an error", remedy
    if status < 400:
        return f"{place.url} redirects to another address", "check synopsis.backend.base_url"
    if is_about_format(fault.reply):
        return f"{place.url} rejects the request", "the model must offer structured output: see synopsis.backend.model"
    remedy = next((remedy for words, remedy in _REMEDIES if words.search(fault.reply)), "check the options of synopsis.backend")
    return f"{place.url} rejects the request", remedy


_REMEDIES = (
    (re.compile(r"max_completion_tokens"), "set synopsis.backend.token_limit: max_completion_tokens, where the backend has it"),
    (
        re.compile(r"alternat|\broles?\b", re.I),
        "the chat template of the model does not support this conversation: choose another model",
    ),
    (re.compile(r"content.?(?:filter|management|policy)|safety|moderat", re.I), "reword the prompt, or choose another model"),
    (
        re.compile(r"context|max\w*[_ ]tokens|too (?:long|large|many tokens)", re.I),
        "shorten the prompt or the template, set another synopsis.backend.max_tokens, or choose a model that reads more",
    ),
)
"""What helps against a question that is rejected, by the server's words."""


def brief(text: object) -> str:
    """The beginning of someone else's message, on one line and without control characters."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in str(text)).split())
    return line if len(line) <= 300 else f"{line[:300]}..."
