"""The options of ``cogvideox``. No torch."""

from __future__ import annotations

from pydantic import field_validator

from vstar_sdk.models.pipeline_options import PipelineOptions
from vstar_sdk.weights.finding import Commit, ModelReference


class CogVideoXOptions(PipelineOptions):
    """Which model, and how it runs."""

    path: ModelReference
    """A folder in diffusers format, or a hub id such as `zai-org/CogVideoX-2b` together with `revision`."""
    revision: Commit | None = None
    """The commit of a hub id: 40 hexadecimal digits."""

    @field_validator("compile")
    @classmethod
    def _not_compiled(cls, compile: bool) -> bool:
        if compile:
            raise ValueError("cogvideox cannot be compiled: attention over all tokens is regularized in loops over their chunks")
        return compile
