"""The joint self-attentions of LTX. No torch.

The denoiser is diffusers' ``LTXVideoTransformer3DModel``, a stack of equal blocks: ``attn1`` attends over all tokens of the clip,
the positions of every latent frame in their order, and ``attn2`` from these to the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.errors import ModelError


def ltx_sites(config: Mapping[str, Any], kind: str = "LTXVideoTransformer3DModel") -> tuple[SiteAddress, ...]:
    """The joint self-attentions of a network, in the order in which it runs them.

    Args:
        config: its ``config.json``.
        kind: its class, for messages.

    Raises:
        ModelError: it is no configuration of this family, or a token has no frame of its own.
    """
    try:
        layers, heads, head_dim = config["num_layers"], config["num_attention_heads"], config["attention_head_dim"]
    except KeyError as missing:
        raise ModelError(f"no {kind}: its configuration has no {missing}") from None
    if (joined := config.get("patch_size_t", 1)) != 1:
        raise ModelError(f"its network joins {joined} latent frames in one token, and so a token has no frame of its own")
    return tuple(
        SiteAddress(f"transformer_blocks.{layer}.attn1", "stack", 0, heads, head_dim, kind="joint", index=layer)
        for layer in range(layers)
    )
