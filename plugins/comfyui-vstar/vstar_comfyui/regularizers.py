"""The node Regularizer: any installed one with its options, after those that come before."""

from __future__ import annotations

from typing import Any

from vstar_sdk import load_spec

from . import sockets
from .faults import with_remedy
from .guarding import guard
from .host import io
from .parts import installed, options_of


class VstarRegularizer(io.ComfyNode):
    """One regularizer, chained to others."""

    @classmethod
    def define_schema(cls) -> Any:
        """See `io.ComfyNode`."""
        return io.Schema(
            node_id="VstarRegularizer",
            display_name="VSTAR Regularizer",
            category=sockets.CATEGORY,
            description="A change to attention over time. Those of plugins are listed as namespace/name.",
            inputs=[
                io.Combo.Input("regularizer", options=installed("regularizers"), default="tar"),
                io.String.Input("options", multiline=True, default="{}", tooltip="A JSON object; the rest has defaults."),
                sockets.Regularizers.Input("before", optional=True, tooltip="Regularizers that act before this one."),
            ],
            outputs=[sockets.Regularizers.Output(display_name="regularizers")],
        )

    @classmethod
    def execute(cls, regularizer: str, options: str, before: list[dict[str, Any]] | None = None) -> Any:
        """See `io.ComfyNode`."""
        with with_remedy():
            chosen = [*(before or []), {"use": regularizer} | options_of(options, "options")]
            load_spec({"prompt": "a story", "regularizers": chosen}, guard=guard())
        return io.NodeOutput(chosen)
