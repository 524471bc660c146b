"""HEAD, as HTTP has it: what GET would answer, without its body."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _Answered(Exception):
    """The head of an answer is sent, and nothing more is wanted: a stream may be endless."""


class Heads:
    """Middleware that asks for HEAD by GET, and leaves out the body.

    Args:
        app: behind it; for it, and whatever counts there, the request is one by GET.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def head(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                await send({"type": "http.response.body"})
                raise _Answered

        try:
            await self._app({**scope, "method": "GET"}, receive, head)
        except* _Answered:
            pass
