"""The options of ``kandinsky5``. No torch."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from vstar_sdk.models.caches import CacheName
from vstar_sdk.models.pipeline_options import LoraTransformerOptions
from vstar_sdk.options import ModelReference


class Kandinsky5Options(LoraTransformerOptions):
    """Which model, and how it runs."""

    MODEL: ClassVar[str] = "kandinsky5"
    # diffusers' first-block cache asks for an argument hidden_states, which its blocks do not have.
    CACHES: ClassVar[frozenset[CacheName]] = frozenset({"taylorseer", "magcache"})
    NO_STATE_WEIGHTS: ClassVar[str | None] = "its blocks take frames as videos of their own, which such weights do not follow"
    ONE_AT_A_TIME: ClassVar[frozenset[str]] = LoraTransformerOptions.ONE_AT_A_TIME | {"flow_shift"}

    path: ModelReference
    """A folder in diffusers format, or a hub id such as `kandinskylab/Kandinsky-5.0-T2V-Lite-sft-5s-Diffusers` together with
    `revision`."""
    flow_shift: float | None = Field(default=None, gt=0.0, le=100.0)
    """How much of the schedule goes to the noisy part. Left out: the model's own."""
