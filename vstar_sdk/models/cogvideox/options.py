"""The options of ``cogvideox``. No torch."""

from __future__ import annotations

from typing import ClassVar

from vstar_sdk.models.pipeline_options import LoraTransformerOptions
from vstar_sdk.options import ModelReference


class CogVideoXOptions(LoraTransformerOptions):
    """Which model, and how it runs."""

    MODEL: ClassVar[str] = "cogvideox"

    path: ModelReference
    """A folder in diffusers format, or a hub id such as `zai-org/CogVideoX-2b` together with `revision`."""
