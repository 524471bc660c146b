"""The options of ``cosmos``. No torch."""

from __future__ import annotations

from typing import ClassVar

from vstar_sdk.models.caches import CacheName
from vstar_sdk.models.pipeline_options import TransformerOptions
from vstar_sdk.options import ModelReference


class CosmosOptions(TransformerOptions):
    """Which model, and how it runs."""

    MODEL: ClassVar[str] = "cosmos"
    CACHES: ClassVar[frozenset[CacheName]] = frozenset()

    path: ModelReference
    """A folder in diffusers format, or a hub id such as `nvidia/Cosmos-Predict2.5-2B` together with `revision`."""
