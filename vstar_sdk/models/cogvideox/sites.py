"""The joint attentions of CogVideoX. No torch.

The denoiser is diffusers' ``CogVideoXTransformer3DModel``, a stack of equal blocks: ``attn1`` attends over the tokens of the
text, which come first, and over those of all frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.errors import ModelError
from vstar_sdk.models.rotary import of_time


def cogvideox_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The joint attentions of a ``CogVideoXTransformer3DModel``, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: it is not a configuration of this family, or one of CogVideoX 1.5.
    """
    try:
        layers, heads, head_dim = config["num_layers"], config["num_attention_heads"], config["attention_head_dim"]
    except KeyError as missing:
        raise ModelError(f"not a CogVideoXTransformer3DModel: its configuration has no {missing}") from None
    if (joined := config.get("patch_size_t")) is not None:
        raise ModelError(f"its network joins {joined} latent frames in one token (CogVideoX 1.5), which is not supported")
    # The smaller network adds its positions to the tokens; in the larger one a quarter of the channels is for the frame.
    rotary = of_time(head_dim // 4, 10_000.0) if config.get("use_rotary_positional_embeddings") else None
    return tuple(
        SiteAddress(f"transformer_blocks.{layer}.attn1", "stack", 0, heads, head_dim, kind="joint", index=layer, rotary=rotary)
        for layer in range(layers)
    )


def cogvideox_text_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """Where the frames of a ``CogVideoXTransformer3DModel`` read text: the same joint attentions.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: see `cogvideox_sites`.
    """
    return tuple(replace(site, reads=True) for site in cogvideox_sites(config))
