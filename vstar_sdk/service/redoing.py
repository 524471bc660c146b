"""``/v1/runs/ID/redo``: one state of a finished run is made again, and the frames that it does not touch stay."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Response
from pydantic import Field

from vstar_sdk.errors import SpecError
from vstar_sdk.frame_ranges import as_ranges, frames_in
from vstar_sdk.moments import Span
from vstar_sdk.options import Options
from vstar_sdk.runs.reworking import redone
from vstar_sdk.service.artifacts import manifest
from vstar_sdk.service.orders import Order
from vstar_sdk.service.records import Record
from vstar_sdk.service.refusals import Refusal
from vstar_sdk.service.runs import run_json
from vstar_sdk.service.service import Service
from vstar_sdk.spec.document import Document


class Redo(Options):
    """Which state is made again, and how."""

    state: int = Field(ge=1, le=256)
    """Its number, from 1."""
    caption: str | None = Field(default=None, min_length=1, max_length=1000, pattern=r"\S")
    """From now on; left out: as it was."""
    at: Span | None = None
    """Its anchor from now on; left out: where it was."""
    seed: int | None = Field(default=None, ge=0, lt=2**64)
    """Of the new frames; left out: the run's own where caption or anchor are new, else the next one."""


def redoing(service: Service) -> APIRouter:
    """The route.

    Args:
        service: has the jobs.
    """
    router = APIRouter(prefix="/v1/runs", tags=["runs"])

    @router.post("/{run}/redo", status_code=201)
    async def redo(run: str, wanted: Redo, response: Response) -> dict[str, Any]:
        """Make the frames again that one state of a finished run rules, with another caption, anchor or seed; keep the others."""
        record = service.record(run)
        if record.state != "done":
            raise Refusal(409, f"the run is {record.state}, so none of its states can be made again", code="not_done")
        made = await anyio.to_thread.run_sync(_submitted, service, record, wanted)
        response.headers["Location"] = f"/v1/runs/{made.id}"
        return run_json(made, service)

    return router


def _submitted(service: Service, record: Record, wanted: Redo) -> Record:
    spec = redone(service.folder(record), wanted.state, caption=wanted.caption, seed=_seed(service, record, wanted))
    start = spec.pop("start")
    if wanted.at is not None:
        spec, start = _moved(service, spec, start, wanted)
    start |= {"from": record.id}
    return service.submit(Order(Document(spec | {"start": start}), model=record.model))[0]


def _seed(service: Service, record: Record, wanted: Redo) -> int | None:
    """The seed that was asked for, or the run's own where only the anchor is new."""
    if wanted.seed is not None or wanted.caption is not None or wanted.at is None:
        return wanted.seed
    return manifest(service.folder(record))["seed"]


def _moved(service: Service, spec: dict[str, Any], start: dict[str, Any], wanted: Redo) -> tuple[dict[str, Any], dict[str, Any]]:
    """The spec with another anchor of the state, and all others where they were; of the kept frames those whose text stays."""
    before = service.plan(Document(spec))
    old = before.tell_story().timeline
    states = [state | {"at": anchor} for state, anchor in zip(spec["synopsis"]["states"], old.anchors, strict=True)]
    states[wanted.state - 1]["at"] = wanted.at
    spec = spec | {"synopsis": spec["synopsis"] | {"states": states}}
    new = service.plan(Document(spec)).tell_story().timeline
    kept = frames_in(start["keep"], before.settings.frames, before.settings.fps)
    same = {frame for frame in kept if old.weights[frame] == new.weights[frame]}
    spans = before.facts.clock(before.settings.frames, before.settings.fps).spans
    whole = [frame for span in spans if same.issuperset(span) for frame in span]
    if not whole:
        raise SpecError("with this anchor no frame stays as it was, so nothing would be kept", hint="run the story as a whole")
    return spec, start | {"keep": as_ranges(whole)}
