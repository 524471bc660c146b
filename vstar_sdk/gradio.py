"""A page of Gradio for a session: a spec in, progress and previews, a video out (extra ``gradio``)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vstar_sdk import events
from vstar_sdk.errors import MissingDependency, RunCancelled, SpecError, VstarError
from vstar_sdk.reading.yaml_reader import read_yaml
from vstar_sdk.runs.progress import words

if TYPE_CHECKING:
    from vstar_sdk.runs.session import Session

START = """\
prompt: a landscape from winter to autumn
frames: 16
"""


def blocks(session: Session, *, spec: str = START) -> Any:
    """A ``gradio.Blocks`` to launch, or to put into a larger page.

    ::

        with vstar_sdk.Session(guard=vstar_sdk.Guard()) as session:
            vstar_sdk.gradio.blocks(session).launch()

    Give the session a guard where others may open the page: its text is a whole spec.

    Args:
        session: that runs the specs, one by one.
        spec: YAML text that the page begins with.

    Raises:
        MissingDependency: gradio is not installed.
    """
    try:
        import gradio  # pyright: ignore
    except ImportError as error:
        raise MissingDependency("the page needs gradio", hint="pip install 'vstar-sdk[gradio]'") from error
    ui: Any = gradio

    def plan_spec(text: str) -> str:
        return _planned(session, text)

    def run_spec(text: str) -> Iterator[tuple[Any, Any, Any]]:
        yield from _run(ui, session, text)

    with ui.Blocks(title="vstar") as page, ui.Row():
        with ui.Column():
            text = ui.Code(spec, language="yaml", label="spec", lines=14)
            with ui.Row():
                plan, run, stop = ui.Button("Plan"), ui.Button("Run", variant="primary"), ui.Button("Stop")
        with ui.Column():
            said = ui.Textbox(label="plan and progress", lines=12, interactive=False)
            preview = ui.Image(label="preview", visible=False)
            video = ui.Video(label="video", autoplay=True, loop=True)
        plan.click(plan_spec, text, said)
        running = run.click(run_spec, text, [said, preview, video])
        stop.click(None, cancels=[running])
    return page


def _planned(session: Session, text: str) -> str:
    try:
        return session.plan(_read(text)).summary()
    except VstarError as error:
        return _told(error)


def _run(ui: Any, session: Session, text: str) -> Iterator[tuple[Any, Any, Any]]:
    """What the page shows, step by step; where it is stopped, the run is."""
    try:
        job = session.start(_read(text), previews=True)
    except VstarError as error:
        yield _told(error), ui.update(visible=False), None
        return
    try:
        for event in job.events():
            if (now := words(event)) is not None:
                shown = ui.update()
                if isinstance(event, events.Step) and event.preview is not None:
                    frames = event.preview.frames()
                    shown = ui.update(value=frames[len(frames) // 2].repeat(8, 0).repeat(8, 1), visible=True)
                yield f"{job.progress:.0%} {now}", shown, None
        result = job.result()
        states = zip(result.synopsis.states, result.timeline.spans(), strict=True)
        told = "\n".join(f"frames {first}-{last}: {state.caption}" for state, (first, last) in states)
        with tempfile.TemporaryDirectory(prefix="vstar-") as folder:  # gradio has a copy before it asks for more
            yield told, ui.update(visible=False), str(result.save(Path(folder) / "video.mp4"))
    except RunCancelled as error:
        yield str(error), ui.update(visible=False), None
    except VstarError as error:
        yield _told(error), ui.update(visible=False), None
    finally:
        job.cancel()


def _read(text: str) -> dict[str, Any]:
    """The spec that was written, or a prompt alone; never the name of a file, which no guard would look at.

    Raises:
        SpecError: it is neither.
    """
    data: Any = read_yaml(text, "the spec")[0]
    if isinstance(data, str):
        return {"prompt": data}
    if not isinstance(data, dict):
        raise SpecError("the spec must be a mapping", hint="write 'prompt: ...' and other keys, one a line")
    return cast(dict[str, Any], data)


def _told(error: VstarError) -> str:
    return f"{error}\nhint: {error.hint}" if error.hint else str(error)
