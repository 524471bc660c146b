"""The options of ``wan``. No torch."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from vstar_sdk.models.pipeline_options import SharedOptions
from vstar_sdk.options import ModelReference


class WanOptions(SharedOptions):
    """Which model, and how it runs."""

    MODEL: ClassVar[str] = "wan"
    NO_STATE_WEIGHTS: ClassVar[str | None] = None
    ONE_AT_A_TIME: ClassVar[frozenset[str]] = SharedOptions.ONE_AT_A_TIME | {"flow_shift"}

    path: ModelReference
    """A folder in diffusers format, or a hub id such as `Wan-AI/Wan2.1-T2V-1.3B-Diffusers` together with `revision`."""
    flow_shift: float | None = Field(default=None, gt=0.0, le=100.0)
    """How much of the schedule goes to the noisy part; its authors use 3 at 480p and 5 at 720p. Default: the model's own."""
