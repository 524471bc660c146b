"""The service as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import cache, partial
from importlib.metadata import version
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect

from vstar_sdk.errors import VstarError
from vstar_sdk.service.access import Access
from vstar_sdk.service.bodies import Bodies
from vstar_sdk.service.drafts import drafts
from vstar_sdk.service.gate import Gate
from vstar_sdk.service.heads import Heads
from vstar_sdk.service.metrics import Counted, Metrics
from vstar_sdk.service.page import studio
from vstar_sdk.service.redoing import redoing
from vstar_sdk.service.refusals import Refusal, of_error
from vstar_sdk.service.runs import runs
from vstar_sdk.service.service import Service
from vstar_sdk.service.streams import Streams, streams
from vstar_sdk.service.videos import videos
from vstar_sdk.spec.schema import json_schema


def create_app(service: Service, access: Access, metrics: Metrics, bases: Mapping[str, Mapping[str, Any]]) -> FastAPI:
    """The application; it starts the service and closes it.

    Args:
        service: not started yet.
        access: what requests must bring.
        metrics: where things are counted.
        bases: specs by the names that requests may call models by; the first one's is used where a request names none.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        service.start()
        yield
        await anyio.to_thread.run_sync(service.close)

    app = FastAPI(
        title="vstar",
        version=version("vstar-sdk"),
        lifespan=lifespan,
        docs_url=None,  # the pages load scripts from a CDN
        redoc_url=None,
        middleware=[
            Middleware(Gate, access=access),
            Middleware(Heads),
            Middleware(Counted, metrics=metrics),
            Middleware(Bodies, limits=service.limits),
        ],
        exception_handlers={
            Refusal: _refused,
            VstarError: _refused,
            RequestValidationError: _invalid,
            HTTPException: _other,
            ClientDisconnect: _gone,
        },
    )
    opened = Streams(service.limits)
    app.include_router(streams(service, opened))
    app.include_router(videos(service, bases))
    app.include_router(runs(service))
    app.include_router(redoing(service))
    app.include_router(drafts(service))
    schema = cache(partial(json_schema, plugins=service.plugins))

    @app.get("/v1/models", tags=["models"])
    async def models() -> dict[str, Any]:
        """The models that a request can name."""
        named = list(bases) or ["miniworld"]
        return {"object": "list", "data": [{"id": name, "object": "model", "created": 0, "owned_by": "vstar"} for name in named]}

    @app.get("/schema", tags=["service"])
    def specs() -> dict[str, Any]:
        """The JSON Schema of specs, with the parts that they may name here."""
        return schema()

    @app.get("/health", tags=["service"])
    async def health() -> dict[str, str]:
        """Whether the service takes jobs."""
        return {"status": "stopping" if service.closing else "ok"}

    @app.get("/metrics", tags=["service"])
    async def numbers() -> Response:
        """Numbers for Prometheus."""
        return Response(metrics.text({**service.counts(), "streams": opened.open}), media_type="text/plain; version=0.0.4")

    studio(app)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    refusal = error if isinstance(error, Refusal) else of_error(error) if isinstance(error, VstarError) else None
    if refusal is None:
        raise error
    return JSONResponse(refusal.json(), refusal.status, refusal.headers)


async def _gone(request: Request, error: Exception) -> Response:
    """Nobody reads this answer: the client left while it sent."""
    return await _refused(request, Refusal(400, "the body of the request was not sent to its end", code="body_incomplete"))


async def _invalid(request: Request, error: Exception) -> Response:
    found = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": ("",), "msg": str(error)}
    name = str(found["loc"][-1])
    return await _refused(request, Refusal(400, f"{name}: {found['msg']}", code="invalid_value", param=name))


async def _other(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    codes = {404: "not_found", 405: "method_not_allowed"}
    refusal = Refusal(error.status_code, str(error.detail), code=codes.get(error.status_code, "invalid_request"))
    return JSONResponse(refusal.json(), refusal.status, dict(error.headers or {}))
