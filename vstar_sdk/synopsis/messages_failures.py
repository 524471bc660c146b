"""What went wrong with the Anthropic API, in sentences with a remedy; and whether to ask again."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import anthropic

from vstar_sdk.errors import BackendError
from vstar_sdk.synopsis.bounded_http import TooLarge

LATER = "try again later"


class Place(NamedTuple):
    """Who was asked for what, for messages.

    Attributes:
        url: address of the API.
        model: id of the model.
        variable: name of the environment variable that holds the key.
        timeout: seconds that one attempt may take.
    """

    url: str
    model: str
    variable: str
    timeout: float


def worth_retrying(error: anthropic.AnthropicError) -> bool:
    """Whether the fault may pass: no connection, a timeout, a rate limit, a server error."""
    if isinstance(error, anthropic.APIStatusError):
        return not _spent(error) and (error.status_code in (408, 409, 429) or error.status_code >= 500)
    return isinstance(error, anthropic.APIConnectionError)


def retry_after(error: anthropic.AnthropicError) -> float | None:
    """Seconds that the server asks to wait, or None when it does not say so in seconds."""
    if isinstance(error, anthropic.APIStatusError):
        for header, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
            with contextlib.suppress(KeyError, ValueError):
                seconds = float(error.response.headers[header]) * unit
                if seconds >= 0:
                    return seconds
    return None


def failure(error: anthropic.AnthropicError, place: Place, attempts: int) -> BackendError:
    """The error of a run whose last attempt ended so."""
    tries = f", after {attempts} attempts" if attempts > 1 else ""
    if isinstance(error, anthropic.APITimeoutError):
        return BackendError(
            f"{place.url} gave no answer within {place.timeout:g} s{tries}",
            hint="raise synopsis.backend.timeout, or choose a faster model",
        )
    if isinstance(error, anthropic.APIConnectionError):
        cause = _brief(error.__cause__ or error)
        return BackendError(
            f"{place.url} cannot be reached{tries}: {cause}", hint="check the network, the proxy and synopsis.backend.base_url"
        )
    if isinstance(error, TooLarge):
        return BackendError(
            f"{place.url}: {error}", hint="check that synopsis.backend.base_url is the address of the Anthropic API"
        )
    if isinstance(error, anthropic.APIStatusError):
        message, hint = _status(error, place, tries)
        said = f": {_brief(error.api_message)}" if error.api_message else ""
        return BackendError(f"{message} ({error.status_code}){said}", hint=hint)
    return BackendError(f"{place.url}: {_brief(error)}")


def no_message(place: Place) -> BackendError:
    """The error of a response that is no Message."""
    return BackendError(
        f"{place.url} answered with something that is no Message of the Anthropic API",
        hint="check synopsis.backend.base_url: another service may be listening there",
    )


def _status(error: anthropic.APIStatusError, place: Place, tries: str) -> tuple[str, str]:
    """What a status means here, and the remedy."""
    status = error.status_code
    if status == 401:
        return f"{place.url} does not accept the key in {place.variable}", f"set {place.variable} to a valid key"
    if status == 402 or _spent(error):
        return f"{place.url} answers no more: the account's credit or limit is used up", "see the account's plans and billing"
    if status == 403:
        return f"the key in {place.variable} may not use {place.model}", "choose another model, or a key with more rights"
    if status == 404:
        return f"{place.url} has no model '{place.model}'", "check synopsis.backend.model and synopsis.backend.base_url"
    if status == 413:
        return f"{place.url} finds the question too large", "shorten the prompt or the template"
    if status == 429:
        wait = retry_after(error)
        asks = f", and asks to wait {wait:g} s" if wait else ""
        return f"{place.url} limits the rate of questions{asks}{tries}", LATER
    if status == 529:
        return f"{place.url} is overloaded{tries}", f"{LATER}, or choose another model"
    if status >= 500:
        return f"{place.url} failed{tries}", LATER
    if status < 400:
        return f"{place.url} points elsewhere", "check synopsis.backend.base_url"
    return f"{place.url} rejects the question", "the model must offer structured output: see synopsis.backend.model"


def _spent(error: anthropic.APIStatusError) -> bool:
    """A spending limit looks like a rate limit, but does not pass by waiting."""
    return error.status_code == 429 and error.error_code == "enforced_spend_limit_reached"


def _brief(text: object) -> str:
    """The beginning of someone else's message, on one line."""
    line = " ".join(str(text).split())
    return line if len(line) <= 300 else f"{line[:300]}..."
