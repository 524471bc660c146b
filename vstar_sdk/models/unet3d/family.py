"""``UNet3DConditionModel`` as a family."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from torch import Tensor, nn

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.models.diffusers.framewise_family import FramewiseFamily
from vstar_sdk.models.family import DenoiserCall
from vstar_sdk.models.unet3d.frame_text import frame_text
from vstar_sdk.models.unet3d.sites import unet3d_sites


class UNet3DFamily(FramewiseFamily):
    """Its order of frames comes from temporal convolutions, so that any number of them goes."""

    def sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.sites`."""
        return unet3d_sites(config)

    def tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """See `Family.tell`: the network repeats a video's text for its frames, and its blocks are given another one."""
        del call
        during.enter_context(frame_text(denoiser, text))


UNET3D = UNet3DFamily()
