"""The gate before everything else: no request gets in that lacks the right name, comes from a strange page, or has no token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vstar_sdk.service.access import Access
from vstar_sdk.service.refusals import Refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = frozenset(("/", "/health"))
"""Paths that need no token: they say nothing of any job. So do those below `STUDIO`."""

STUDIO = "/studio/"

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
)


class Gate:
    """Middleware that refuses.

    Args:
        app: behind it.
        access: what a request must bring.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        origin = _only(headers, "origin")
        cors = _cors(origin) if origin is not None and origin in self._access.origins else []

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message.get("headers", []) if pair[0].lower() != b"cross-origin-resource-policy"]
                policy = [pair for pair in _HEADERS if not (cors and pair[0] == b"cross-origin-resource-policy")]
                message = {**message, "headers": [*kept, *policy, *cors]}
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(scope, receive, answered, refusal)
        elif cors and _asks_first(scope, headers):
            await _answer(answered, 204, b"", [])
        else:
            await self._app(scope, receive, answered)

    def _refusal(self, scope: Scope, headers: list[tuple[str, str]]) -> Refusal | None:
        hosts = [value for name, value in headers if name == "host"]
        if len(hosts) != 1 or not self._access.knows(hosts[0]):
            return Refusal(421, "the Host of this request is not a name of this service", code="wrong_host", hint=_NAMES)
        origins = [value for name, value in headers if name == "origin"]
        if len(origins) > 1 or any(not self._access.allows(origin, hosts[0]) for origin in origins):
            return Refusal(403, "pages of this origin may not use this service", code="wrong_origin", hint=_ORIGINS)
        site, mode = _only(headers, "sec-fetch-site"), _only(headers, "sec-fetch-mode")
        visited = mode == "navigate" and scope.get("method") == "GET"
        if not origins and site in ("cross-site", "same-site") and not visited:
            return Refusal(403, "another site's page sent this request", code="wrong_origin", hint=_ORIGINS)
        if scope["path"] in OPEN or scope["path"].startswith(STUDIO) or (origins and _asks_first(scope, headers)):
            return None
        if not self._access.lets_in(_only(headers, "authorization")):
            return Refusal(
                401,
                "this service needs a token",
                code="invalid_api_key",
                hint="send Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return None


_NAMES = "whoever runs it allows more names with --allow-host"
_ORIGINS = "whoever runs it allows more with --allow-origin"


def _asks_first(scope: Scope, headers: list[tuple[str, str]]) -> bool:
    """Whether a browser asks what a page of another origin may send; it does so without a token."""
    return scope.get("method") == "OPTIONS" and _only(headers, "access-control-request-method") is not None


def _only(headers: list[tuple[str, str]], wanted: str) -> str | None:
    values = [value for name, value in headers if name == wanted]
    return values[0] if len(values) == 1 else None


def _cors(origin: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-methods", b"GET, POST, DELETE"),
        (b"access-control-allow-headers", b"authorization, content-type, idempotency-key, last-event-id"),
        (b"vary", b"origin"),
    ]


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await receive()  # the request to connect
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.message})
        return
    headers = [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    await _answer(send, refusal.status, json.dumps(refusal.json()).encode(), headers)


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    kind = [(b"content-type", b"application/json")] if body else []
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*kind, length, *headers]})
    await send({"type": "http.response.body", "body": body})
