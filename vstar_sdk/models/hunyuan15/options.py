"""The options of ``hunyuan15``. No torch."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from vstar_sdk.models.pipeline_options import PipelineOptions
from vstar_sdk.weights.finding import Commit, ModelReference


class Hunyuan15Options(PipelineOptions):
    """Which model, and how it runs."""

    ONE_AT_A_TIME: ClassVar[frozenset[str]] = PipelineOptions.ONE_AT_A_TIME | {"flow_shift"}

    path: ModelReference
    """A folder in diffusers format, or a hub id such as `hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-480p_t2v` together
    with `revision`."""
    revision: Commit | None = None
    """The commit of a hub id: 40 hexadecimal digits."""
    flow_shift: float | None = Field(default=None, gt=0.0, le=100.0)
    """How much of the schedule goes to the noisy part. Left out: the model's own."""

    @field_validator("compile")
    @classmethod
    def _not_compiled(cls, compile: bool) -> bool:
        if compile:
            raise ValueError("hunyuan15 cannot be compiled: attention over all tokens is regularized in loops over their chunks")
        return compile
