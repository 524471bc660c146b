"""The options of ``ltx``. No torch."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from vstar_sdk.models.pipeline_options import SharedOptions
from vstar_sdk.options import ModelReference, Number


class LTXOptions(SharedOptions):
    """Which model, and how it runs."""

    MODEL: ClassVar[str] = "ltx"
    NO_STATE_WEIGHTS: ClassVar[str | None] = None
    ONE_AT_A_TIME: ClassVar[frozenset[str]] = SharedOptions.ONE_AT_A_TIME | {
        "flow_shift",
        "frame_rate",
        "decode_timestep",
        "decode_noise",
    }

    path: ModelReference
    """A folder in diffusers format, or a hub id such as `Lightricks/LTX-Video` together with `revision`."""
    frame_rate: Annotated[float, Number, Field(gt=0.0, le=240.0)] = 25.0
    """The model's frame rate condition: how fast things move: its positions in time are seconds."""
    flow_shift: float | None = Field(default=None, gt=0.0, le=100.0)
    """How much of the schedule goes to the noisy part. Default: it grows with the size of the clip, as the model was trained."""
    decode_timestep: float = Field(default=0.05, ge=0.0, le=1.0)
    """From version 0.9.1 on the decoder removes the last noise itself: the noise level that it assumes."""
    decode_noise: float = Field(default=0.025, ge=0.0, le=1.0)
    """Of such a decoder: the share of noise that its latents are given. The noise is the same for all seeds."""
