"""Bodies of requests, bounded in size and time, and never packed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from vstar_sdk.service.limits import Limits
from vstar_sdk.service.refusals import Refusal
from vstar_sdk.spec.document import LARGEST

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Bodies:
    """Middleware that ends a request whose body is too large, too slow, or packed.

    Args:
        app: behind it; what it raises of `Refusal` is answered there.
        limits: of size and time.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on; `Refusal` comes out of its body where that breaks a limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        form = headers.get(b"content-type", b"").lower().startswith(b"multipart/")
        most = self._limits.body if form else min(self._limits.body, LARGEST)
        left, end = most, time.monotonic() + self._limits.body_seconds
        whole = False

        async def bounded() -> Message:
            nonlocal left, whole
            if whole:
                return await receive()
            if headers.get(b"content-encoding", b"identity").lower() != b"identity":
                raise Refusal(415, "a packed body is not accepted", code="packed_body", hint="send it without Content-Encoding")
            if _announced(headers) > most:
                raise _too_large(most)
            try:
                async with asyncio.timeout(max(0.0, end - time.monotonic())):
                    message = await receive()
            except TimeoutError:
                message = f"the body was not there after {self._limits.body_seconds:g} s"
                raise Refusal(408, message, code="body_too_slow", headers={"Connection": "close"}) from None
            left -= len(message.get("body", b""))
            if left < 0:
                raise _too_large(most)
            whole = not message.get("more_body", False)
            return message

        await self._app(scope, bounded, send)


def _announced(headers: dict[bytes, bytes]) -> int:
    length = headers.get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


def _too_large(most: int) -> Refusal:
    message = f"the request is larger than {most} bytes"
    return Refusal(413, message, code="body_too_large", headers={"Connection": "close"})
