"""The node Plan: the timeline and the regularizers' windows as a picture, before anything is computed."""

from __future__ import annotations

from typing import Any

from vstar_sdk import Synopsis, Timeline, load_spec

from . import sockets
from .faults import with_remedy
from .guarding import guard
from .host import io
from .picture import as_images, picture


class VstarPlan(io.ComfyNode):
    """What a story will look like over time."""

    @classmethod
    def define_schema(cls) -> Any:
        """See `io.ComfyNode`."""
        return io.Schema(
            node_id="VstarPlan",
            display_name="VSTAR Plan",
            category=sockets.CATEGORY,
            description="Shows which state every frame has, and when the regularizers act.",
            inputs=[
                sockets.Synopsis.Input("synopsis"),
                io.Int.Input("frames", default=64, min=1, max=100_000),
                io.Float.Input("fps", default=16.0, min=0.01, max=1000.0),
                io.Combo.Input("interpolation", options=["linear", "hold", "smooth"], default="linear"),
                sockets.Regularizers.Input("regularizers", optional=True),
            ],
            outputs=[io.Image.Output(display_name="timeline"), io.String.Output(display_name="text")],
        )

    @classmethod
    def execute(
        cls,
        synopsis: Synopsis,
        frames: int,
        fps: float,
        interpolation: Any,
        regularizers: list[dict[str, Any]] | None = None,
    ) -> Any:
        """See `io.ComfyNode`."""
        with with_remedy():
            timeline = Timeline.of(synopsis.states, frames, fps, interpolation)
            windows = _windows(regularizers or [])
        return io.NodeOutput(as_images([picture(synopsis, timeline, windows)]), _text(synopsis, timeline, windows))


def _windows(regularizers: list[dict[str, Any]]) -> list[tuple[str, float, float]]:
    chosen: Any = load_spec({"prompt": "a story", "regularizers": regularizers}, guard=guard()).spec.regularizers
    return [(one.use, *one.window) for one in chosen]


def _text(synopsis: Synopsis, timeline: Timeline, windows: list[tuple[str, float, float]]) -> str:
    states = [
        f"frames {first}-{last}: {state.caption}" for (first, last), state in zip(timeline.spans(), synopsis.states, strict=True)
    ]
    return "\n".join([*states, *(f"{name}: {start:.0%} to {end:.0%} of the schedule" for name, start, end in windows)])
