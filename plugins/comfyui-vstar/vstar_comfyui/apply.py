"""The node Apply: a MODEL of ComfyUI, nursed wherever it is sampled."""

from __future__ import annotations

from typing import Any

from vstar_sdk import ModelError, SpecError, Synopsis

from . import sockets
from .faults import with_remedy
from .frame_text import FrameTexts
from .host import io
from .networks import network_of
from .nursing import Nursed

_KEY = "vstar"
_AROUND_NETWORK = "diffusion_model"
"""ComfyUI's name for wrappers around the network itself."""


class VstarApply(io.ComfyNode):
    """A MODEL with regularizers and key states."""

    @classmethod
    def define_schema(cls) -> Any:
        """See `io.ComfyNode`."""
        return io.Schema(
            node_id="VstarApply",
            display_name="VSTAR Apply to MODEL",
            category=sockets.CATEGORY,
            description="Nurses a Wan, LTX, Hunyuan or Stable Video Diffusion model: regularizers on its attention over frames, "
            "key states as the text of every frame. The model that comes in stays as it is.",
            inputs=[
                io.Model.Input("model"),
                sockets.Regularizers.Input("regularizers", optional=True, tooltip="Without any, TAR is not applied either."),
                sockets.Synopsis.Input("synopsis", optional=True, tooltip="Takes the place of the positive prompt."),
                io.Clip.Input("clip", optional=True, tooltip="Reads the key states; needed with a synopsis."),
                io.Float.Input("fps", default=16.0, min=0.01, max=1000.0, optional=True),
                io.Combo.Input(
                    "timeline",
                    options=["blend", "relay"],
                    default="blend",
                    optional=True,
                    tooltip="blend: every frame reads a mixture of the states. relay (Wan): all frames read all states, "
                    "each most of all its own.",
                ),
                io.Combo.Input("interpolation", options=["linear", "hold", "smooth"], default="linear", optional=True),
            ],
            outputs=[io.Model.Output(display_name="model")],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        regularizers: list[dict[str, Any]] | None = None,
        synopsis: Synopsis | None = None,
        clip: Any = None,
        fps: float = 16.0,
        interpolation: str = "linear",
        timeline: str = "blend",
    ) -> Any:
        """See `io.ComfyNode`."""
        with with_remedy():
            return io.NodeOutput(apply(model, regularizers or [], synopsis, clip, fps, interpolation, timeline))


def apply(
    model: Any,
    regularizers: list[dict[str, Any]],
    synopsis: Synopsis | None,
    clip: Any,
    fps: float,
    interpolation: str,
    timeline: str,
) -> Any:
    """A clone of a MODEL that is nursed; see `VstarApply`.

    Raises:
        SpecError: there is nothing to apply, or no CLIP for a synopsis.
        ModelError: the model is none that can be nursed, is nursed already, or cannot be told a text for every frame.
    """
    network = network_of(model.model.diffusion_model)
    if model.get_wrappers(_AROUND_NETWORK, _KEY):
        raise ModelError("the MODEL is nursed already", hint="chain VSTAR Regularizer nodes, and apply them once")
    if not regularizers and synopsis is None:
        raise SpecError("there is nothing to apply", hint="connect regularizers, a synopsis, or both")
    texts = None
    if synopsis is not None:
        if not network.texts:
            raise ModelError(
                f"the frames of this {type(model.model.diffusion_model).__name__} {network.untold}",
                hint="leave the synopsis out and write the prompt; regularizers can be applied",
            )
        if clip is None:
            raise SpecError("a synopsis needs a CLIP that reads it", hint="connect the CLIP of the prompt")
        if timeline == "relay" and not network.relays:
            kind = type(model.model.diffusion_model).__name__
            raise ModelError(f"the text of a {kind} cannot be relayed", hint="choose the timeline blend")
        texts = FrameTexts(clip, synopsis, timeline, interpolation)
    nursed = model.clone()
    nursed.add_wrapper_with_key(_AROUND_NETWORK, _KEY, Nursed(network, regularizers, texts, fps))
    return nursed
