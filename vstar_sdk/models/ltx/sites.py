"""The joint self-attentions of LTX. No torch.

The denoiser is diffusers' ``LTXVideoTransformer3DModel``, a stack of equal blocks: ``attn1`` attends over all tokens of the clip,
the positions of every latent frame in their order, and ``attn2`` from these to the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.models.diffusers.stacks import cross_sites, stack_sites


def ltx_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The joint self-attentions of an ``LTXVideoTransformer3DModel``, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: it is not a configuration of this family, or a token has no frame of its own.
    """
    return stack_sites(config, "LTXVideoTransformer3DModel")


def ltx_text_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The cross-attentions in an ``LTXVideoTransformer3DModel`` to the text, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: see `ltx_sites`.
    """
    return cross_sites(ltx_sites(config))
