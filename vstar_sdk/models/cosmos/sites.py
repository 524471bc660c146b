"""The joint self-attentions of Cosmos Predict 2.5. No torch.

The denoiser is diffusers' ``CosmosTransformer3DModel``, a stack of equal blocks: ``attn1`` attends over all tokens of the clip,
the positions of every latent frame in their order, and ``attn2`` from these to the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.stacks import cross_sites, stack_sites


def cosmos_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The joint self-attentions of a ``CosmosTransformer3DModel``, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: it is not a configuration of such a network, or one that is conditioned on more than text.
    """
    if config.get("img_context_dim_in"):
        raise ModelError("its network reads an image in addition to the text, as Cosmos Transfer 2.5 does")
    if config.get("controlnet_block_every_n"):
        raise ModelError("its network takes the output of a control network, as Cosmos Transfer 2.5 does")
    if (joined := config.get("patch_size", (1, 2, 2))[0]) != 1:
        raise ModelError(f"its network joins {joined} latent frames in one token, which is not supported")
    return stack_sites(config, "CosmosTransformer3DModel")


def cosmos_text_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The cross-attentions of a ``CosmosTransformer3DModel`` to the text, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: see `cosmos_sites`.
    """
    return cross_sites(cosmos_sites(config))
