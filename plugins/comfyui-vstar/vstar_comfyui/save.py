"""The node Save: a video that carries the workflow, as ComfyUI has it, and the spec, as vstar_sdk has it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from . import sockets
from .host import folders, io, latest, metadata_wanted, ui

SPEC_KEY = "vstar_spec"
"""The metadata key in which ``vstar run VIDEO`` looks for a spec."""


class VstarSave(io.ComfyNode):
    """An MP4 file in ComfyUI's output folder."""

    @classmethod
    def define_schema(cls) -> Any:
        """See `io.ComfyNode`."""
        return io.Schema(
            node_id="VstarSave",
            display_name="VSTAR Save with spec",
            category=sockets.CATEGORY,
            description="Saves an MP4 that holds the workflow and the spec: drop it on ComfyUI, or `vstar run` it.",
            inputs=[
                io.Image.Input("images"),
                io.Float.Input("fps", default=16.0, min=0.01, max=1000.0),
                io.String.Input("filename_prefix", default="video/vstar"),
                io.String.Input("spec", default="", multiline=True, optional=True, tooltip="As VSTAR Run gives it."),
            ],
            outputs=[],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, images: Any, fps: float, filename_prefix: str, spec: str = "") -> Any:
        """See `io.ComfyNode`."""
        places = folders()
        height, width = images.shape[1:3]
        folder, name, counter, subfolder, _ = places.get_save_image_path(
            filename_prefix, places.get_output_directory(), width, height
        )
        file = f"{name}_{counter:05}_.mp4"
        components = latest.Types.VideoComponents(images=images, frame_rate=Fraction(round(fps * 1000), 1000))
        told = metadata(cls.hidden.prompt, cls.hidden.extra_pnginfo, spec) if metadata_wanted() else None
        latest.InputImpl.VideoFromComponents(components).save_to(str(Path(folder) / file), metadata=told)
        return io.NodeOutput(ui=ui.PreviewVideo([ui.SavedResult(file, subfolder, io.FolderType.output)]))


def metadata(prompt: Any, extra: dict[str, Any] | None, spec: str) -> dict[str, Any] | None:
    """What the file says of itself; ComfyUI writes every value as JSON.

    Args:
        prompt: ComfyUI's graph of nodes.
        extra: what it adds, the workflow among it.
        spec: JSON, or "".
    """
    told = dict(extra or {})
    if prompt is not None:
        told["prompt"] = prompt
    if spec:
        told[SPEC_KEY] = json.loads(spec)
    return told or None
