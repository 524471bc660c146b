"""The options of ``ltx2``. No torch."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from vstar_sdk.models.caches import CacheName
from vstar_sdk.models.pipeline_options import SharedOptions
from vstar_sdk.options import ModelReference, Number


class LTX2Options(SharedOptions):
    """Which model, and how it runs."""

    MODEL: ClassVar[str] = "ltx2"
    CACHES: ClassVar[frozenset[CacheName]] = frozenset({"taylorseer"})
    NO_STATE_WEIGHTS: ClassVar[str | None] = "its sound reads the same layers, and belongs to no frame"
    ONE_AT_A_TIME: ClassVar[frozenset[str]] = SharedOptions.ONE_AT_A_TIME | {"flow_shift", "frame_rate"}

    path: ModelReference
    """A folder in diffusers format, or a hub id such as `Lightricks/LTX-2` together with `revision`."""
    frame_rate: Annotated[float, Number, Field(gt=0.0, le=240.0)] = 24.0
    """The model's frame rate condition: how fast things move: its positions in time are seconds."""
    flow_shift: float | None = Field(default=None, gt=0.0, le=100.0)
    """How much of the schedule goes to the noisy part. Default: it grows with the size of the clip, as the model was trained."""
