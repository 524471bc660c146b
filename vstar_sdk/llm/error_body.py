"""What a server's JSON says went wrong. Servers word it in many ways, and some send it with the status of a success."""

from __future__ import annotations

import json
import re
from typing import NamedTuple, TypeVar, cast

from pydantic import BaseModel, ValidationError

Shape = TypeVar("Shape", bound=BaseModel)

_WORDS = ("error", "message", "detail", "msg", "error_msg", "error_message", "error_description", "errors")
"""Fields that hold a server's words, or an object or a list that does."""

_NUMBERS = ("code", "status", "status_code", "http_code", "type")
"""Fields that hold a status, or a name of one."""

_NAMES = {
    "invalid_request_error": 400,
    "invalid_argument": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "unauthenticated": 401,
    "billing_error": 402,
    "insufficient_quota": 402,
    "permission_error": 403,
    "permission_denied": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "resource_exhausted": 429,
    "too_many_requests": 429,
    "api_error": 500,
    "server_error": 500,
    "internal_server_error": 500,
    "internal": 500,
    "service_unavailable": 503,
    "unavailable": 503,
    "timeout_error": 504,
    "deadline_exceeded": 504,
    "overloaded_error": 529,
}
"""What the documents of several APIs call a status."""

_IN_WORDS = re.compile(
    r"(?:^|\b(?:error|status|code|http)\W{1,3}(?:code\W{1,3})?)(429|5\d\d)\b"
    r"|\b(429|5\d\d)\W{1,3}(?:too many|internal|bad gateway|service|gateway|server|overloaded)"
    r"|\b(too many requests|rate limit exceeded|service unavailable|bad gateway|gateway time-?out|internal server error)\b",
    re.IGNORECASE,
)
"""A status in a sentence: ``Upstream error 503``, ``429 Too Many Requests``; not any number of three digits."""

_PHRASES = {"too many requests": 429, "rate limit exceeded": 429, "bad gateway": 502, "internal server error": 500}

_DEEPEST = 5


class ErrorText(NamedTuple):
    """A server's account of a fault.

    Attributes:
        words: its own words, in full: a key must be taken out before they are shortened.
        status: the HTTP status that it names, or 0.
        spent: whether the account has nothing left.
    """

    words: str
    status: int
    spent: bool


def as_shape(content: bytes, shape: type[Shape]) -> Shape | None:
    """The JSON as that shape, if it has it."""
    try:
        return shape.model_validate_json(content)
    except ValidationError:
        return None


def fault_in(content: bytes, *, certain: bool = False) -> ErrorText | None:
    """What a body says went wrong, or None if it does not say.

    Args:
        content: JSON, or anything at all.
        certain: read it only where it calls itself an error; one that has the wanted shape may hold a ``message`` that is none.
    """
    if certain and b'"error"' not in content:
        return None
    try:
        body: object = json.loads(content)
    except (ValueError, RecursionError):
        return None
    items = _list(body)
    fields = _object(items[0] if items and len(items) == 1 else body)
    if certain and not _is_error(fields):
        return None
    words = _words(fields, _DEEPEST)
    if not words:
        return None
    status = _status(fields, words)
    return ErrorText(words, status, status == 402 or _name(fields) == "insufficient_quota")


def _is_error(fields: dict[str, object]) -> bool:
    holders = [fields, *(_object(choice) for choice in _list(fields.get("choices")) or ())]
    return any(holder.get("error") for holder in holders) or "error" in (fields.get("object"), fields.get("type"))


def _words(fields: dict[str, object], deepest: int) -> str:
    """``{"error": {"message": ...}}``, ``{"error": ...}``, ``{"detail": [{"loc": ..., "msg": ...}]}``, and related forms."""
    found: list[str] = []
    for name in _WORDS:
        text = _text(fields.get(name), deepest - 1, name)
        if text and not any(text in other for other in found):
            found.append(text)
    place = fields.get("param") or ".".join(str(item) for item in _list(fields.get("loc")) or ())
    if found and isinstance(place, str) and place and place not in found[0]:
        found[0] = f"{place}: {found[0]}"
    raw = _text(_object(fields.get("metadata")).get("raw"), deepest - 1)  # of the server behind a router
    if raw and found:
        found.append(raw)
    if not found:
        inside = next((choice for choice in _list(fields.get("choices")) or () if _object(choice).get("error")), None)
        return _text(_object(inside).get("error"), deepest - 1)
    return ": ".join(found[:3])


def _text(value: object, deepest: int, name: str = "error") -> str:
    if isinstance(value, str):
        return value.strip()
    if deepest <= 0:
        return ""
    if items := _list(value):
        return "; ".join(text for item in items[:3] if (text := _text(item, deepest - 1, name)))
    if fields := _object(value):
        return _words(fields, deepest) or (json.dumps(fields) if name in ("error", "errors", "detail") else "")
    return ""


def _status(fields: dict[str, object], words: str) -> int:
    error = fields.get("error")
    choices = [_object(_object(choice).get("error")) for choice in _list(fields.get("choices")) or ()]
    for holder in (_object(error), *choices, fields):
        for name in _NUMBERS:
            value = holder.get(name)
            number = int(value) if isinstance(value, int | str) and re.fullmatch(r"[45]\d\d", str(value)) else 0
            status = number or _NAMES.get(str(value).lower(), 0)
            if status:
                return status
    return status_in(words)


def status_in(words: str) -> int:
    """The HTTP status of a fault that passes, where a sentence names one, or 0."""
    mark = _IN_WORDS.search(words)
    if mark is None:
        return 0
    return int(mark[1] or mark[2]) if mark[1] or mark[2] else _PHRASES.get(mark[3].lower(), 503)


def _name(fields: dict[str, object]) -> object:
    error = _object(fields.get("error"))
    return error.get("code") or error.get("type") or fields.get("code")


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object] | None:
    return cast("list[object]", value) if isinstance(value, list) else None
