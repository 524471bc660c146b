"""``UNetMotionModel`` as a family."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from diffusers.models.embeddings import SinusoidalPositionalEmbedding
from torch import Tensor, nn

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.models.animatediff.sites import unet_motion_sites
from vstar_sdk.models.diffusers.framewise_family import FramewiseFamily
from vstar_sdk.models.family import DenoiserCall


class UNetMotionFamily(FramewiseFamily):
    """Its frames have sinusoidal positions, of which there are so many."""

    def sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.sites`."""
        return unet_motion_sites(config)

    def most_frames(self, denoiser: nn.Module) -> int | None:
        """See `Family.most_frames`: from the modules, for the encodings may have been lengthened after they were built."""
        encodings = [module for module in denoiser.modules() if isinstance(module, SinusoidalPositionalEmbedding)]
        return min((encoding.get_buffer("pe").shape[1] for encoding in encodings), default=None)

    def tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """See `Family.tell`: the pipeline repeats the text, not the network, so that the argument has one for each frame."""
        del during, denoiser
        call.set(**{self.text: text.flatten(0, 1)})


UNET_MOTION = UNetMotionFamily()
