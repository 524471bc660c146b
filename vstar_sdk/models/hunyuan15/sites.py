"""The joint attentions of HunyuanVideo 1.5. No torch.

The denoiser is diffusers' ``HunyuanVideo15Transformer3DModel``, a stack of equal blocks: ``attn`` attends over the tokens of all
frames and over those of picture and text, which come last, their padding at the very end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.errors import ModelError
from vstar_sdk.models.rotary import of_time


def hunyuan15_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The joint attentions of a ``HunyuanVideo15Transformer3DModel``, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: it is not a configuration of this family.
    """
    try:
        layers, heads, head_dim = config["num_layers"], config["num_attention_heads"], config["attention_head_dim"]
    except KeyError as missing:
        raise ModelError(f"not a HunyuanVideo15Transformer3DModel: its configuration has no {missing}") from None
    if (joined := config.get("patch_size_t", 1)) != 1:
        raise ModelError(f"its network joins {joined} latent frames in one token, which is not supported")
    rotary = of_time(config.get("rope_axes_dim", (16, 56, 56))[0], config.get("rope_theta", 256.0))
    return tuple(
        SiteAddress(f"transformer_blocks.{layer}.attn", "stack", 0, heads, head_dim, kind="joint", index=layer, rotary=rotary)
        for layer in range(layers)
    )


def hunyuan15_text_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """Where the frames of a ``HunyuanVideo15Transformer3DModel`` read text: the same joint attentions.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: see `hunyuan15_sites`.
    """
    return tuple(replace(site, reads=True) for site in hunyuan15_sites(config))
