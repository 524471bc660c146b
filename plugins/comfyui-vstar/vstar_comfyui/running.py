"""Runs of vstar_sdk inside ComfyUI: one session kept warm, events to the bar, interrupts to the job."""

from __future__ import annotations

import queue
import threading
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from vstar_sdk import Event, Job, LoadedSpec, Result, RunCancelled, Session
from vstar_sdk.events import FramesDecoded, Step

from .guarding import guard
from .host import check_interrupted, progress_bar

_POLL = 0.1
"""Seconds after which an interrupt is noticed at the latest."""

_PREVIEW = 512
"""Pixels that a preview has at most, as ComfyUI's own have."""

_lock = threading.Lock()
_session: Session | None = None


def session() -> Session:
    """The session of this process, made when it is first needed. Its guard is read then."""
    global _session
    with _lock:
        if _session is None:
            _session = Session(max_models=1, guard=guard())
        return _session


def run(spec: LoadedSpec, *, keep_loaded: bool) -> tuple[Result, Any]:
    """Make a video, with ComfyUI's bar and previews, and end at once where its user interrupts.

    Args:
        spec: what to make.
        keep_loaded: whether the model stays in memory.

    Returns:
        The result, and its frames ``(frames, height, width, 3)``, uint8.

    Raises:
        VstarError: the run failed.
        Exception: ComfyUI's own, when it was interrupted.
    """
    home = session()
    job = home.start(spec, previews=True)
    try:
        _follow(job)
        result = job.result()
        return result, result.tensor()
    finally:
        job.cancel()
        if not keep_loaded:
            home.unload()


def _follow(job: Job) -> None:
    """Show the events of a job until it ends; where ComfyUI is interrupted, cancel it and raise ComfyUI's exception."""
    told: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(job, told), daemon=True).start()
    bar: Any = None
    while True:
        try:
            check_interrupted()
        except BaseException:
            job.cancel()
            _wait(job)
            raise
        try:
            event = told.get(timeout=_POLL)
        except queue.Empty:
            continue
        if event is None:
            return
        if isinstance(event, Step):
            bar = bar or progress_bar(event.steps)
            bar.update_absolute(event.step, event.steps, _preview(event))
        elif isinstance(event, FramesDecoded) and bar is not None:
            bar.update_absolute(bar.total, bar.total)


def _listen(job: Job, told: queue.SimpleQueue[Event | None]) -> None:
    try:
        for event in job.events():
            told.put(event)
    finally:
        told.put(None)


def _wait(job: Job) -> None:
    """Until a cancelled job has let go of the model, so that the next one finds it free."""
    try:
        job.result()
    except RunCancelled:
        return


def _preview(event: Step) -> tuple[str, Image.Image, int] | None:
    """The middle frame of what the clip is going to be, in the form of ComfyUI's previews."""
    if event.preview is None:
        return None
    frames = event.preview.frames()
    middle = Image.fromarray(np.ascontiguousarray(frames[len(frames) // 2]))
    return "JPEG", ImageOps.contain(middle, (_PREVIEW, _PREVIEW)), _PREVIEW
