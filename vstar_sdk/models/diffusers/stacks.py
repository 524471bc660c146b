"""Networks that are a row of equal blocks, each with one attention over all tokens of a clip. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.errors import ModelError


def stack_sites(config: Mapping[str, Any], kind: str) -> tuple[SiteAddress, ...]:
    """The attentions ``transformer_blocks.N.attn1``, in the order in which a network runs them.

    Args:
        config: its ``config.json``, with ``num_layers``, ``num_attention_heads``, ``attention_head_dim`` and ``patch_size_t``.
        kind: its class, for messages.

    Raises:
        ModelError: it is not a configuration of such a network, or a token has no frame of its own.
    """
    try:
        layers, heads, head_dim = config["num_layers"], config["num_attention_heads"], config["attention_head_dim"]
    except KeyError as missing:
        raise ModelError(f"not a {kind}: its configuration has no {missing}") from None
    if (joined := config.get("patch_size_t", 1)) != 1:
        raise ModelError(f"its network joins {joined} latent frames in one token, which is not supported")
    return tuple(
        SiteAddress(f"transformer_blocks.{layer}.attn1", "stack", 0, heads, head_dim, kind="joint", index=layer)
        for layer in range(layers)
    )


def cross_sites(sites: Sequence[SiteAddress], own: str = "attn1", reader: str = "attn2") -> tuple[SiteAddress, ...]:
    """The cross-attentions to the text, ``attn2`` beside every ``attn1``.

    Args:
        sites: the attentions over the tokens of a clip.
        own: what a block calls such an attention.
        reader: what it calls the one to the text.
    """
    return tuple(
        replace(site, name=f"{site.name.removesuffix(own)}{reader}", kind="cross", reads=True, rotary=None) for site in sites
    )
