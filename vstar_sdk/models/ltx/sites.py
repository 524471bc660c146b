"""The joint self-attentions of LTX. No torch.

The denoiser is diffusers' ``LTXVideoTransformer3DModel``, a stack of equal blocks: ``attn1`` attends over all tokens of the clip,
the positions of every latent frame in their order, and ``attn2`` from these to the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.models.diffusers.stacks import cross_sites, stack_sites
from vstar_sdk.models.rotary import of_seconds

_LONGEST, _THETA = 20.0, 10_000.0
"""Of the network's rotary positions, which no configuration changes."""


def ltx_sites(config: Mapping[str, Any], seconds: float | None = None) -> tuple[SiteAddress, ...]:
    """The joint self-attentions of an ``LTXVideoTransformer3DModel``, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.
        seconds: from one latent frame to the next, in which its rotary positions are; None where that is not known.

    Raises:
        ModelError: it is not a configuration of this family, or a token has no frame of its own.
    """
    sites = stack_sites(config, "LTXVideoTransformer3DModel")
    if seconds is None:
        return sites
    return tuple(replace(site, rotary=of_seconds(site.heads * site.head_dim, _THETA, seconds, _LONGEST)) for site in sites)


def ltx_text_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The cross-attentions in an ``LTXVideoTransformer3DModel`` to the text, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: see `ltx_sites`.
    """
    return cross_sites(ltx_sites(config))
