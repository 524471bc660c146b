"""Streams of events: server-sent events with replay, and WebSockets."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager, suppress

import anyio
from fastapi import APIRouter, Query, Request, Response, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.websockets import WebSocketDisconnect

from vstar_sdk.service.limits import Limits
from vstar_sdk.service.logs import JobLog
from vstar_sdk.service.refusals import Refusal
from vstar_sdk.service.service import Service

_PING = b": nothing new\n\n"


class Streams:
    """The streams that are open.

    Args:
        limits: how many may be.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.open = 0

    @contextmanager
    def one(self) -> Generator[None]:
        """Open around a stream."""
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    def check(self) -> None:
        """Refuse one more where there are as many as may be.

        Raises:
            Refusal: there are.
        """
        if self.open >= self._limits.streams:
            raise Refusal(
                429, f"{self._limits.streams} streams are open already", code="too_many_streams", headers={"Retry-After": "5"}
            )


def streams(service: Service, opened: Streams) -> APIRouter:
    """The routes.

    Args:
        service: has the jobs.
        opened: counts streams.
    """
    router = APIRouter(tags=["events"])

    @router.get("/v1/runs/{run}/events")
    @router.get("/v1/videos/{run}/events")
    async def follow(request: Request, run: str, since: int = Query(0, ge=0, le=2**53)) -> Response:
        """Events as they come (text/event-stream). `Last-Event-ID`, or `since`, says where to begin; 204: nothing will come."""
        log = service.log(service.record(run))
        begin = _after(request.headers.get("last-event-id"), since)
        if log.ends_before(begin):
            return Response(status_code=204)
        opened.check()
        return StreamingResponse(_sse(log, begin, opened), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    @router.websocket("/v1/runs/{run}/events")
    @router.websocket("/v1/videos/{run}/events")
    async def socket(websocket: WebSocket, run: str, since: int = Query(0, ge=0, le=2**53)) -> None:
        """Events as they come, each a text message of JSON."""
        try:
            log = service.log(service.record(run))
            opened.check()
        except Refusal as refusal:
            await websocket.close(1008, refusal.message)
            return
        await websocket.accept()
        with opened.one():
            async with anyio.create_task_group() as group:
                group.start_soon(_send, websocket, log, since)
                await _left(websocket)
                group.cancel_scope.cancel()

    return router


async def _sse(log: JobLog, begin: int, opened: Streams) -> AsyncGenerator[bytes]:
    with opened.one():
        async with aclosing(log.follow(begin)) as events:
            async for event in events:
                if event is None:
                    yield _PING
                    continue
                number, line = event
                yield format_sse_event(id=str(number), event=json.loads(line)["kind"], data_str=line.decode())


async def _send(websocket: WebSocket, log: JobLog, begin: int) -> None:
    """Send events until there will be no more, or the client has gone; then the client is told to go."""
    with suppress(WebSocketDisconnect, RuntimeError):  # RuntimeError: it went in this moment
        async with aclosing(log.follow(begin)) as events:
            async for event in events:
                if event is not None:
                    await websocket.send_text(event[1].decode())
        await websocket.close()


async def _left(websocket: WebSocket) -> None:
    """Wait until the client goes; what it says is not heard."""
    try:
        while True:
            await websocket.receive_text()
    except (WebSocketDisconnect, KeyError, RuntimeError):
        return


def _after(last: str | None, since: int) -> int:
    """The number of the first event that is wanted."""
    return int(last) + 1 if last is not None and re.fullmatch("[0-9]{1,15}", last) else since
