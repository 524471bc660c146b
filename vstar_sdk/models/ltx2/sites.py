"""The joint self-attentions of the video in LTX-2. No torch.

The denoiser is diffusers' ``LTX2VideoTransformer3DModel``, a stack of equal blocks with six attentions each. Of these ``attn1``
attends over all video tokens of the clip, the positions of every latent frame in their order; it alone is a site. ``audio_attn1``
attends over the sound, ``attn2`` and ``audio_attn2`` from both to the text, ``audio_to_video_attn`` and ``video_to_audio_attn``
between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.models.diffusers.stacks import cross_sites, stack_sites


def ltx2_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The joint self-attentions of an ``LTX2VideoTransformer3DModel``, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: it is not a configuration of this family, or a token has no frame of its own.
    """
    return stack_sites(config, "LTX2VideoTransformer3DModel")


def ltx2_text_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The cross-attentions of the video in an ``LTX2VideoTransformer3DModel`` to the text, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: see `ltx2_sites`.
    """
    return cross_sites(ltx2_sites(config))
