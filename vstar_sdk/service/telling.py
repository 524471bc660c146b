"""What is told of a job: events as JSON for whoever is not at this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vstar_sdk import events
from vstar_sdk.reading.discreet import discreet
from vstar_sdk.service.refusals import told_error


def told(event: events.Event, job: str, directory: Path) -> dict[str, Any]:
    """An event; of paths only what is inside of the run directory is told.

    Args:
        event: of the run.
        job: its id.
        directory: its run directory.
    """
    data = event.json() | {"job": job}
    data.pop("directory", None)
    match event:
        case events.Artifact(path=path):
            inside = path.is_relative_to(directory)
            data["path"] = path.relative_to(directory).as_posix() if inside else path.name
        case events.Warned(message=message):
            data["message"] = discreet(message)
        case events.RunFailed(error=error):
            data["error"] = told_error(error)
        case _:
            pass
    return data


def queued(job: str, position: int) -> dict[str, Any]:
    """The job waits; ``position``: how many come before it."""
    return {"kind": "queued", "job": job, "time": time.time(), "position": position}


def ended(job: str, error: Mapping[str, Any] | None) -> dict[str, Any]:
    """The job has ended, and its run could not say so."""
    told = {"job": job, "time": time.time()}
    return {"kind": "run_end", **told} if error is None else {"kind": "run_error", **told, "error": dict(error)}
