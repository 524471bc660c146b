"""What can be asked of a spec before it is a job: ``/v1/plan`` says what it would do, ``/v1/convert`` writes it both ways."""

from __future__ import annotations

import math
from typing import Any, cast

import anyio
import anyio.to_thread
from fastapi import APIRouter, Query, Request

from vstar_sdk.frame_ranges import as_ranges
from vstar_sdk.reading.discreet import discreet
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.forecast import Forecast, forecast
from vstar_sdk.runs.plan import Plan
from vstar_sdk.service.refusals import Refusal
from vstar_sdk.service.requests import read_document, read_sent_spec
from vstar_sdk.service.service import Service
from vstar_sdk.service.uploads import begun_with
from vstar_sdk.spec.writing import as_yaml


def drafts(service: Service) -> APIRouter:
    """The routes.

    Args:
        service: has the guard, the limits and the jobs that a spec may continue from.
    """
    router = APIRouter(prefix="/v1", tags=["drafts"])
    limiter = anyio.CapacityLimiter(2)

    @router.post("/plan")
    async def plan(request: Request, costs: bool = Query(False)) -> dict[str, Any]:
        """What a spec would do: numbers, states and the frames that each rules; with `costs` its memory and time, too."""
        sent = await read_sent_spec(request, service.limits)

        def told() -> dict[str, Any]:
            document, files = begun_with(sent.document, sent.uploads, service.limits)
            with service.planned(document, files) as planned:
                return plan_json(planned) | {"costs": costs_json(forecast(planned)) if costs else None}

        return await anyio.to_thread.run_sync(told, limiter=limiter)

    @router.post("/convert")
    async def convert(request: Request) -> dict[str, Any]:
        """A spec in JSON or YAML, as both: `data` and `yaml`. It must be well-formed, and need not be valid."""
        document = await read_document(request)
        _check_portable(document.data)
        return {"data": document.data, "yaml": as_yaml(document.data)}

    return router


def _check_portable(value: Any, place: str = "") -> None:
    """Refuse what a program that reads JSON, such as a browser, would silently change.

    Raises:
        Refusal: a number is not finite or too large to be exact, or a text is not Unicode.
    """
    if isinstance(value, dict):
        for key, item in cast(dict[Any, Any], value).items():
            _check_portable(key, f"{place}.{key}")
            _check_portable(item, f"{place}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(cast(list[Any], value)):
            _check_portable(item, f"{place}[{index}]")
    wrong = None
    if isinstance(value, float) and not math.isfinite(value):
        wrong = "is not a finite number"
    elif isinstance(value, int) and abs(value) > _EXACT:
        wrong = f"is a whole number beyond {_EXACT}, which JSON does not carry exactly to every program"
    elif isinstance(value, str) and any("\ud800" <= sign <= "\udfff" for sign in value):
        wrong = "has an invalid character (a lone surrogate)"
    if wrong is not None:
        raise Refusal(400, f"{printable(place.lstrip('.'))} {wrong}", code="invalid_value", hint="write another value")


_EXACT = 2**53 - 1


def plan_json(plan: Plan) -> dict[str, Any]:
    """A plan for whoever is not at this machine."""
    numbers, story = plan.settings, plan.story
    states = None
    if story is not None:
        states = [
            {"caption": state.caption, "anchor": anchor, "rules": list(span)}
            for state, anchor, span in zip(story.synopsis.states, story.timeline.anchors, story.timeline.spans(), strict=True)
        ]
    return {
        "object": "plan",
        "summary": plan.summary(),
        "model": plan.facts.name,
        "frames": numbers.frames,
        "width": numbers.width,
        "height": numbers.height,
        "fps": numbers.fps,
        "seed": numbers.seed,
        "steps": numbers.steps,
        "scheduler": numbers.scheduler,
        "guidance": numbers.guidance,
        "final": plan.final.json(),
        "states": states,
        "style": story.synopsis.style if story is not None else "",
        "kept": None if plan.kept is None else {"frames": as_ranges(plan.kept.frames), "made": as_ranges(plan.kept.made)},
        "start": plan.beginning.record() if plan.beginning is not None else [],
        "parts": {key: [one.part for one in getattr(plan.spec, key)] for key in ("regularizers", "finish", "metrics", "output")},
        "attention": plan.attention.summary(numbers.steps),
        "warnings": [discreet(warning) for warning in plan.warnings()],
    }


def costs_json(foreseen: Forecast) -> dict[str, Any]:
    """What a run would take: bytes and operations as whole numbers; None what is not known."""
    peaks = foreseen.peaks()
    return {
        "device": foreseen.device,
        "dtype": foreseen.dtype,
        "weights_bytes": sum(foreseen.estimate.weights.values()) if foreseen.estimate is not None else None,
        "peak_bytes": peaks[foreseen.offload or "none"] if peaks else None,
        "operations": foreseen.run_flops,
        "seconds": foreseen.seconds,
    }
