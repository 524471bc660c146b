"""``/v1/runs``: whole specs, with everything that is known of their runs. Its ids are those of ``/v1/videos``."""

from __future__ import annotations

from typing import Any, Literal

import anyio
import anyio.to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from vstar_sdk.service import artifacts
from vstar_sdk.service.listing import page
from vstar_sdk.service.orders import Order
from vstar_sdk.service.pictures import preview_jpeg
from vstar_sdk.service.records import Record
from vstar_sdk.service.refusals import absent
from vstar_sdk.service.requests import key_of, priority_of, read_sent_spec
from vstar_sdk.service.service import Service
from vstar_sdk.service.uploads import KEYS, Key, begun_with, uploaded
from vstar_sdk.service.videos import AT_ONCE


def run_json(record: Record, service: Service) -> dict[str, Any]:
    """A job with all that is known of it."""
    return {
        "id": record.id,
        "object": "run",
        "state": record.state,
        "position": service.position(record),
        "priority": record.priority,
        "progress": record.progress,
        "created_at": record.created,
        "finished_at": record.finished,
        "prompt": record.prompt,
        "model": record.model,
        "frames": record.frames,
        "width": record.width,
        "height": record.height,
        "seconds": record.seconds,
        "error": None if record.error is None else dict(record.error),
    }


def runs(service: Service) -> APIRouter:
    """The routes.

    Args:
        service: has the jobs.
    """
    router = APIRouter(prefix="/v1/runs", tags=["runs"])
    limiter = anyio.CapacityLimiter(AT_ONCE)

    @router.post("", openapi_extra=_body(), status_code=201)
    async def create(request: Request, response: Response) -> dict[str, Any]:
        """Run a spec, in JSON or YAML. `start.from` may be the id of a finished run; a form brings pictures and videos."""
        key, priority = key_of(request), priority_of(request)
        sent = await read_sent_spec(request, service.limits)
        document, files = await anyio.to_thread.run_sync(begun_with, sent.document, sent.uploads, service.limits, limiter=limiter)
        order = Order(document, priority, None, key, sent.fingerprint, files)
        record, same = await anyio.to_thread.run_sync(service.submit, order, limiter=limiter)
        if same:
            response.headers["Idempotent-Replayed"] = "true"
        response.headers["Location"] = f"/v1/runs/{record.id}"
        return run_json(record, service)

    @router.get("")
    async def listed(
        after: str | None = Query(None, max_length=100),
        limit: int = Query(20, ge=1, le=100),
        order: Literal["asc", "desc"] = "desc",
    ) -> dict[str, Any]:
        """Runs by their coming, page by page."""
        return page(service.records(), after, limit, order).json(lambda record: run_json(record, service))

    @router.get("/{run}")
    async def retrieve(run: str) -> dict[str, Any]:
        """One run, its place in the queue and how far it is."""
        return run_json(service.record(run), service)

    @router.post("/{run}/cancel")
    def cancel(run: str) -> dict[str, Any]:
        """End a run: at once where it waits, else at its next step."""
        return run_json(service.cancel(run), service)

    @router.delete("/{run}")
    def delete(run: str) -> dict[str, Any]:
        """Delete a run and its files; one that has not ended is cancelled."""
        return {"id": service.delete(run).id, "object": "run.deleted", "deleted": True}

    @router.get("/{run}/spec")
    def spec(run: str) -> Response:
        """The spec as it runs, in YAML."""
        return Response(service.spec(service.record(run)), media_type="application/yaml")

    @router.get("/{run}/start/{key}", response_class=FileResponse)
    def start(run: str, key: Key) -> FileResponse:
        """The picture or video that was uploaded for a key of `start`, to be saved."""
        if (path := uploaded(service.uploads(service.record(run)), key)) is None:
            raise absent("upload of this name")
        return FileResponse(path, filename=path.name)

    @router.get("/{run}/manifest")
    def manifest(run: str) -> dict[str, Any]:
        """What a finished run was made with."""
        return artifacts.manifest(service.folder(service.record(run)))

    @router.get("/{run}/preview", response_class=Response)
    def preview(run: str, frame: int | None = Query(None, ge=0)) -> Response:
        """What the clip of a run under way is going to be, as JPEG: all latent frames row by row, or one of them."""
        record = service.record(run)
        if (found := service.preview(record)) is None:
            raise absent("preview of this run now")
        step, clip = found
        try:
            content, frames, columns = preview_jpeg(clip, frame)
        except IndexError:
            raise absent("frame of this number") from None
        told = {"Vstar-Step": str(step), "Vstar-Frames": str(frames), "Vstar-Columns": str(columns), "Cache-Control": "no-store"}
        return Response(content, media_type="image/jpeg", headers=told)

    @router.get("/{run}/files")
    def files(run: str) -> dict[str, Any]:
        """The names of the files of a finished run."""
        return {"object": "list", "data": artifacts.names(service.folder(service.record(run)))}

    @router.get("/{run}/files/{name:path}", response_class=FileResponse)
    def file(run: str, name: str) -> FileResponse:
        """A file of a finished run, to be saved: no browser shows it as a page of this service."""
        path = artifacts.file_named(service.folder(service.record(run)), name)
        return FileResponse(path, filename=path.name)

    return router


def _body() -> dict[str, Any]:
    """What OpenAPI says of the body; `/schema` has the schema."""
    schema = {"type": "object", "description": "A spec; its JSON Schema is at /schema."}
    files = {key: {"type": "string", "format": "binary"} for key in KEYS}
    form = {"type": "object", "required": ["spec"], "properties": {"spec": schema, **files}}
    return {
        "parameters": [
            {"name": "priority", "in": "query", "schema": {"type": "integer", "minimum": -10, "maximum": 10, "default": 0}}
        ],
        "requestBody": {
            "required": True,
            "content": {
                **{kind: {"schema": schema} for kind in ("application/json", "application/yaml")},
                "multipart/form-data": {"schema": form},
            },
        },
    }
