"""The options of ``motif``. No torch."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from vstar_sdk.models.caches import CacheName
from vstar_sdk.models.pipeline_options import TransformerOptions
from vstar_sdk.options import ModelReference


class MotifOptions(TransformerOptions):
    """Which model, and how it runs."""

    MODEL: ClassVar[str] = "motif"
    CACHES: ClassVar[frozenset[CacheName]] = frozenset({"taylorseer"})
    ONE_AT_A_TIME: ClassVar[frozenset[str]] = TransformerOptions.ONE_AT_A_TIME | {"flow_shift"}

    path: ModelReference
    """A folder in diffusers format, or a hub id such as `Motif-Technologies/Motif-Video-2B` together with `revision`."""
    flow_shift: float | None = Field(default=None, gt=0.0, le=100.0)
    """How much of the schedule goes to the noisy part. Default: the model's own."""
