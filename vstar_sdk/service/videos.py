"""``/v1/videos``: the videos API of OpenAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import anyio
import anyio.to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from vstar_sdk.service.artifacts import sheet_of, video_of
from vstar_sdk.service.fields import VideoFields, read_fields, spec_of
from vstar_sdk.service.listing import page
from vstar_sdk.service.orders import Order
from vstar_sdk.service.pictures import first_frame_jpeg
from vstar_sdk.service.records import Record
from vstar_sdk.service.refusals import Refusal
from vstar_sdk.service.requests import key_of, read_video
from vstar_sdk.service.service import Service
from vstar_sdk.service.uploads import REFERENCE, begun_with
from vstar_sdk.spec.document import Document

_STATUS = {"queued": "queued", "running": "in_progress", "done": "completed", "failed": "failed", "cancelled": "failed"}

AT_ONCE = 8
"""Orders that are checked or wait for it, at the same time; others wait without a thread."""


def video_json(record: Record, service: Service) -> dict[str, Any]:
    """A job as OpenAI's clients know it."""
    return {
        "id": record.id,
        "object": "video",
        "status": _STATUS[record.state],
        "progress": int(100 * record.progress),
        "model": record.model,
        "prompt": record.prompt,
        "seconds": f"{record.seconds:g}",
        "size": f"{record.width}x{record.height}",
        "created_at": record.created,
        "completed_at": record.finished,
        "expires_at": None,
        "remixed_from_video_id": None,
        "error": None if record.error is None else dict(record.error),
        "queue_position": service.position(record),
    }


def videos(service: Service, bases: Mapping[str, Mapping[str, Any]]) -> APIRouter:
    """The routes.

    Args:
        service: has the jobs.
        bases: specs by the names that requests may call models by.
    """
    router = APIRouter(prefix="/v1/videos", tags=["videos"])
    limiter = anyio.CapacityLimiter(AT_ONCE)

    @router.post("", openapi_extra=_body())
    async def create(request: Request, response: Response) -> dict[str, Any]:
        """Ask for a video. `Idempotency-Key` makes it safe to ask again."""
        key = key_of(request)
        sent = await read_video(request, service.limits)
        fields = read_fields(sent.fields)
        document, files = Document(spec_of(fields, bases)), dict[str, bytes]()
        if sent.uploads:
            document, files = await anyio.to_thread.run_sync(begun_with, document, sent.uploads, service.limits, limiter=limiter)
        order = Order(document, fields.priority, fields.model, key, sent.fingerprint, files)
        record, same = await anyio.to_thread.run_sync(service.submit, order, limiter=limiter)
        if same:
            response.headers["Idempotent-Replayed"] = "true"
        return video_json(record, service)

    @router.get("")
    async def listed(
        after: str | None = Query(None, max_length=100),
        limit: int = Query(20, ge=1, le=100),
        order: Literal["asc", "desc"] = "desc",
    ) -> dict[str, Any]:
        """Videos by their coming, page by page: `after` is the last id of the page before."""
        found = page(service.records(), after, limit, order)
        return found.json(lambda record: video_json(record, service))

    @router.get("/{video}")
    async def retrieve(video: str) -> dict[str, Any]:
        """One video, and how far it is."""
        return video_json(service.record(video), service)

    @router.delete("/{video}")
    def delete(video: str) -> dict[str, Any]:
        """Delete a video and its files; one that has not ended is cancelled."""
        return {"id": service.delete(video).id, "object": "video.deleted", "deleted": True}

    @router.get("/{video}/content", response_class=FileResponse)
    def content(video: str, variant: Literal["video", "thumbnail", "spritesheet"] = "video") -> Response:
        """The MP4; or its first frame (JPEG); or the contact sheet (PNG)."""
        record = service.record(video)
        if record.state != "done" and not (record.error and record.error["code"] == "not_as_expected"):
            state = _STATUS[record.state]
            raise Refusal(
                409, f"the video is {state}, so it has no content", code="not_completed", hint="poll until it is completed"
            )
        directory = service.folder(record)
        match variant:
            case "video":
                return FileResponse(video_of(directory), media_type="video/mp4", filename=f"{record.id}.mp4")
            case "thumbnail":
                return Response(first_frame_jpeg(video_of(directory)), media_type="image/jpeg")
            case "spritesheet":
                return FileResponse(sheet_of(directory), media_type="image/png")

    return router


def _body() -> dict[str, Any]:
    """What OpenAPI says of the body."""
    fields = VideoFields.model_json_schema()
    reference = {REFERENCE: {"type": "string", "format": "binary"}}
    form = {**fields, "properties": {**fields["properties"], **reference}}
    content = {"application/json": {"schema": fields}, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}
