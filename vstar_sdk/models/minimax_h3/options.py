"""The options of ``minimax-h3``. No torch."""

from __future__ import annotations

from typing import ClassVar

from vstar_sdk.models.caches import CacheName
from vstar_sdk.models.pipeline_options import GgufTransformerOptions
from vstar_sdk.options import ModelReference


class MiniMaxH3Options(GgufTransformerOptions):
    """Which model, and how it runs."""

    MODEL: ClassVar[str] = "minimax-h3"
    CACHES: ClassVar[frozenset[CacheName]] = frozenset({"taylorseer"})

    path: ModelReference
    """A folder in diffusers format, or a hub id such as `MiniMaxAI/MiniMax-H3` together with `revision`."""
