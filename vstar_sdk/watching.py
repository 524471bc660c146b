"""Watching a job in a notebook or a terminal until it ends."""

from __future__ import annotations

import base64
import io
import sys
import time
from html import escape
from typing import Any, Protocol

from vstar_sdk import events
from vstar_sdk.previews import Preview
from vstar_sdk.runs.job import Job
from vstar_sdk.runs.progress import words
from vstar_sdk.runs.result import Result

_PAUSE = 0.25
"""Seconds between two updates of a page, at least."""


def watch(job: Job) -> Result:
    """Show how a job gets on, and wait for its end.

    In a notebook it is a bar, the key states once they are written, and a preview if the job was started with ``previews=True``;
    nothing but HTML that is displayed anew. Elsewhere it is a bar on stderr. Interrupting it cancels the job::

        result = watch(session.start("story.yaml", previews=True))

    Raises:
        RunCancelled: it was cancelled.
        RunPaused: it was paused.
        VstarError: it failed.
    """
    display = _notebook_display()
    view: _View = _Page(display) if display is not None else _Bar()
    try:
        for event in job.events():
            view.show(event, job.progress)
        return job.result()
    except BaseException:
        job.cancel()
        raise
    finally:
        view.close()
        del job  # an error holds this frame, and the job holds the error


class _View(Protocol):
    def show(self, event: events.Event, done: float) -> None: ...

    def close(self) -> None: ...


class _Bar:
    """A bar on stderr."""

    def __init__(self) -> None:
        from tqdm import tqdm

        shape = "{percentage:3.0f}% |{bar}| {desc}"
        nobody = sys.stderr is None  # pyright: ignore[reportUnnecessaryComparison]  (a program without a console has none)
        self._bar: tqdm[Any] = tqdm(total=1000, bar_format=shape, leave=True, disable=nobody)

    def show(self, event: events.Event, done: float) -> None:
        """Move it."""
        if (said := words(event)) is not None:
            self._bar.set_description_str(said, refresh=False)
        self._bar.n = round(done * 1000)
        self._bar.refresh()

    def close(self) -> None:
        """Leave the line as it is."""
        self._bar.close()


class _Page:
    """A piece of a notebook's page, displayed anew as things change.

    Args:
        display: IPython's ``display``.
    """

    def __init__(self, display: Any) -> None:
        self._words, self._done = "waiting", 0.0
        self._states = self._warnings = self._preview = ""
        self._shown = time.monotonic()
        self._handle: Any = display(self, display_id=True)

    def show(self, event: events.Event, done: float) -> None:
        """Take note, and display it if the page has been at rest."""
        self._done = done
        self._words = words(event) or self._words
        if isinstance(event, events.SynopsisReady):
            spans = event.timeline.spans()
            captions = [escape(state.caption) for state in event.synopsis.states]
            lines = [f"frames {first}-{last}: {said}" for (first, last), said in zip(spans, captions, strict=True)]
            self._states = "".join(f"<div>{line}</div>" for line in lines)
        if isinstance(event, events.Warned):
            self._warnings += f"<div>Warning: {escape(event.message)}</div>"
        if time.monotonic() - self._shown >= _PAUSE:
            if isinstance(event, events.Step) and event.preview is not None:
                self._preview = _picture(event.preview)
            self._update()

    def close(self) -> None:
        """Display what came last."""
        self._preview = ""
        self._update()

    def _repr_html_(self) -> str:
        """A bar, what is being done, the states, and the preview."""
        return (
            f'<div style="max-width:640px"><progress max="1" value="{self._done:.3f}" style="width:100%"></progress>'
            f'<div aria-live="polite">{escape(self._words)}</div>'
            f'<div style="opacity:.75;margin-top:4px">{self._states}{self._warnings}</div>{self._preview}</div>'
        )

    def _update(self) -> None:
        self._shown = time.monotonic()
        if self._handle is not None:
            self._handle.update(self)


def _picture(preview: Preview) -> str:
    """A GIF inside the page."""
    file = io.BytesIO()
    preview.save(file)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    style = "margin-top:6px;max-height:240px;image-rendering:pixelated"
    return f'<img alt="preview" style="{style}" src="data:image/gif;base64,{data}">'


def _notebook_display() -> Any:
    """IPython's ``display`` where a notebook shows it; None elsewhere."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython  # pyright: ignore
    from IPython.display import display  # pyright: ignore

    shell: Any = get_ipython()  # pyright: ignore
    return display if hasattr(shell, "kernel") else None  # pyright: ignore
