"""A run that is followed while it lasts."""

from __future__ import annotations

import threading

from vstar_sdk import events
from vstar_sdk.previews import Preview
from vstar_sdk.runs.job import Job
from vstar_sdk.runs.progress import words


class Watched:
    """Reads the events of a job in a thread of its own.

    Args:
        job: started with previews.

    Attributes:
        job: the job.
        words: what is being done.
        preview: of the latest step; None before the first, and of schedulers that cannot tell.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.words = "waiting"
        self.preview: Preview | None = None
        threading.Thread(target=self._follow, name=f"vstar-watch-{job.id}", daemon=True).start()

    def _follow(self) -> None:
        for event in self.job.events():
            self.words = words(event) or self.words
            if isinstance(event, events.Step) and event.preview is not None:
                self.preview = event.preview
