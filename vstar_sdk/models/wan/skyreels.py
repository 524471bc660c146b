"""``skyreels``: SkyReels V2 text-to-video, which is Wan 2.1's network under another name, trained on. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import field_validator

from vstar_sdk.models.caches import CacheName
from vstar_sdk.models.wan.options import WanOptions
from vstar_sdk.models.wan.source import SKYREELS, Release, WanSource
from vstar_sdk.options import ModelReference
from vstar_sdk.parts import Register, hookimpl


class SkyReelsOptions(WanOptions):
    """Which model, and how it runs."""

    MODEL: ClassVar[str] = "skyreels"
    CACHES: ClassVar[frozenset[CacheName]] = frozenset({"taylorseer"})

    path: ModelReference
    """A folder in diffusers format, or a hub id such as `Skywork/SkyReels-V2-T2V-14B-540P-Diffusers` together with `revision`."""

    @field_validator("ulysses")
    @classmethod
    def _not_shared(cls, ulysses: int) -> int:
        if ulysses > 1:
            raise ValueError("skyreels cannot be shared among devices: diffusers has no plan for its network")
        return ulysses


@dataclass(frozen=True)
class SkyReelsSource(WanSource):
    """A SkyReels V2 model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`."""

    network = "SkyReelsV2Transformer3DModel"
    pictured = False

    def release(self, index: Mapping[str, Any], networks: int) -> Release:
        """See `WanSource.release`."""
        del index, networks
        return SKYREELS


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "skyreels",
        options=SkyReelsOptions,
        factory=SkyReelsSource,
        summary="SkyReels V2 text to video, from a folder or the hub; beyond the paper, and experimental.",
    )
