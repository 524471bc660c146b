"""The node Synopsis: key states, one a line, or by an installed writer."""

from __future__ import annotations

from typing import Any

from vstar_sdk import Brief, SpecError, State, Synopsis, load_spec

from . import sockets
from .faults import with_remedy
from .guarding import guard
from .host import io
from .parts import installed, options_of

WRITTEN = "states"
"""The writer that takes the lines as they are."""


def states_of(text: str) -> tuple[State, ...]:
    """Key states from lines of text: a caption, and behind an ``@`` its anchor, such as ``40%``, ``2.5s`` or a frame.

    Args:
        text: one state a line; empty lines count for nothing.

    Raises:
        SpecError: there is none.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise SpecError("states: there is none", hint="write one caption a line, or choose another writer")
    return tuple(map(_state, lines))


def _state(line: str) -> State:
    caption, at, anchor = line.rpartition(" @ ")
    if not at:
        return State(line)
    anchor = anchor.strip()
    return State(caption.strip(), int(anchor) if anchor.isdecimal() else anchor)


def lines_of(synopsis: Synopsis) -> str:
    """Key states as `states_of` reads them."""
    return "\n".join(one.caption if one.at is None else f"{one.caption} @ {one.at}" for one in synopsis.states)


def as_options(synopsis: Synopsis) -> dict[str, Any]:
    """Key states as a spec has them under ``synopsis``."""
    states = [{"caption": one.caption} | ({} if one.at is None else {"at": one.at}) for one in synopsis.states]
    told: dict[str, Any] = {"use": WRITTEN, "states": states}
    return told | ({"style": synopsis.style} if synopsis.style else {})


def write(writer: str, prompt: str, states: str, options: dict[str, Any], frames: int, fps: float) -> Synopsis:
    """Key states by a writer.

    Args:
        writer: a synopsis part; ``states`` takes the lines.
        prompt: what the others are told.
        states: see `states_of`.
        options: of the writer.
        frames: of the clip.
        fps: frames a second.

    Raises:
        SpecError: something is wrong with them.
        BackendError: a language model gave nothing usable.
    """
    chosen = {"use": writer} | options
    if writer == WRITTEN:
        chosen |= as_options(Synopsis(states_of(states)))
    loaded = load_spec({"prompt": prompt or "a story", "synopsis": chosen, "frames": frames, "fps": fps}, guard=guard())
    made: Any = loaded.catalog.make("synopses", loaded.spec.synopsis)
    try:
        return made.write(Brief(prompt=prompt, frames=frames, fps=fps, templates=loaded.catalog.templates))
    finally:
        made.close()


class VstarSynopsis(io.ComfyNode):
    """Key states of a story."""

    @classmethod
    def define_schema(cls) -> Any:
        """See `io.ComfyNode`."""
        writers = sorted(installed("synopsis"), key=lambda name: (name != WRITTEN, name))
        return io.Schema(
            node_id="VstarSynopsis",
            display_name="VSTAR Synopsis",
            category=sockets.CATEGORY,
            description="Key states of a story, one a line: a caption, and behind ' @ ' its moment (40%, 2.5s or a frame). "
            "Other writers make them from the prompt.",
            inputs=[
                io.Combo.Input("writer", options=writers, default=WRITTEN, tooltip="'states' takes the lines below."),
                io.String.Input("states", multiline=True, default="", tooltip="One key state a line."),
                io.String.Input("prompt", multiline=True, default="", tooltip="What another writer makes states of."),
                io.String.Input("options", default="{}", tooltip="Options of the writer, as a JSON object."),
                io.Int.Input("frames", default=64, min=1, max=100_000, tooltip="Of the clip: the most states that fit."),
                io.Float.Input("fps", default=16.0, min=0.01, max=1000.0),
            ],
            outputs=[sockets.Synopsis.Output(display_name="synopsis"), io.String.Output(display_name="states")],
        )

    @classmethod
    def execute(cls, writer: str, states: str, prompt: str, options: str, frames: int, fps: float) -> Any:
        """See `io.ComfyNode`."""
        with with_remedy():
            synopsis = write(writer, prompt, states, options_of(options, "options"), frames, fps)
        return io.NodeOutput(synopsis, lines_of(synopsis))
