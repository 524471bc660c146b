"""What attach knows of the denoisers of diffusers: one entry a class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from diffusers.models.embeddings import SinusoidalPositionalEmbedding
from torch import Tensor, nn

from vstar_sdk.attaching.call import Call
from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.models.animatediff.sites import unet_motion_sites
from vstar_sdk.models.unet3d.frame_text import frame_text
from vstar_sdk.models.unet3d.source import unet3d_sites


def _no_limit(denoiser: nn.Module) -> int | None:
    del denoiser
    return None


@dataclass(frozen=True)
class Family:
    """A kind of denoiser.

    Attributes:
        sites: its temporal self-attentions, from its configuration.
        tell: gives every frame its own text for one call: from the denoiser, the call and the text of shape
            ``(videos, frames, tokens, dim)``. It changes the call's arguments, or enters what is to be open during the call.
        most_frames: the most frames that a denoiser takes, or None.
        latents: the argument that holds the latents, ``(videos, channels, frames, height, width)``.
    """

    sites: Callable[[Mapping[str, Any]], tuple[SiteAddress, ...]]
    tell: Callable[[ExitStack, nn.Module, Call, Tensor], None]
    most_frames: Callable[[nn.Module], int | None] = _no_limit
    latents: str = "sample"


def _tell_unet3d(during: ExitStack, denoiser: nn.Module, call: Call, text: Tensor) -> None:
    """The network repeats a video's text for its frames: its blocks are given another one."""
    del call
    during.enter_context(frame_text(denoiser, text))


def _tell_unet_motion(during: ExitStack, denoiser: nn.Module, call: Call, text: Tensor) -> None:
    """The pipeline repeats the text, not the network: the argument holds one for each frame already."""
    del during, denoiser
    call.set(encoder_hidden_states=text.flatten(0, 1))


def _positions(denoiser: nn.Module) -> int | None:
    """The length of the positional encodings, from the modules: they may have been lengthened after they were built."""
    encodings = [module for module in denoiser.modules() if isinstance(module, SinusoidalPositionalEmbedding)]
    return min((encoding.get_buffer("pe").shape[1] for encoding in encodings), default=None)


FAMILIES: Mapping[str, Family] = {
    "UNet3DConditionModel": Family(unet3d_sites, _tell_unet3d),
    "UNetMotionModel": Family(unet_motion_sites, _tell_unet_motion, _positions),
}
"""By the name of the denoiser's class."""
