"""The attentions of Motif-Video. No torch.

The denoiser is diffusers' ``MotifVideoTransformer3DModel``: two-stream blocks, then one-stream blocks, and last the blocks of a
decoder. In all of them ``attn`` attends over the tokens of all frames. Behind these stand those of the text, and in a decoder's
block what the blocks before it made of the clip, which has no positions there. Some blocks read the text once more, by
``cross_attn``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.errors import ModelError
from vstar_sdk.models.rotary import of_time


def motif_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The joint attentions of a ``MotifVideoTransformer3DModel``, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: it is not a configuration of this family.
    """
    try:
        double, single = config["num_layers"], config["num_single_layers"]
        heads, head_dim = config["num_attention_heads"], config["attention_head_dim"]
    except KeyError as missing:
        raise ModelError(f"not a MotifVideoTransformer3DModel: its configuration has no {missing}") from None
    if (joined := config.get("patch_size_t", 1)) != 1:
        raise ModelError(f"its network joins {joined} latent frames in one token, which is not supported")
    names = [f"transformer_blocks.{layer}.attn" for layer in range(double)]
    names += [f"single_transformer_blocks.{layer}.attn" for layer in range(single)]
    rotary = of_time(config.get("rope_axes_dim", (16, 56, 56))[0], config.get("rope_theta", 256.0))
    return tuple(
        SiteAddress(name, "stack", 0, heads, head_dim, kind="joint", index=index, rotary=rotary)
        for index, name in enumerate(names)
    )


def motif_text_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """Where the frames of a ``MotifVideoTransformer3DModel`` read text: joint attentions before the decoder's, then others.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: see `motif_sites`.
    """
    sites = motif_sites(config)
    joint = sites[: len(sites) - config.get("num_decoder_layers", 0)]
    crossing = {
        "transformer_blocks": config.get("enable_text_cross_attention_dual", False),
        "single_transformer_blocks": config.get("enable_text_cross_attention_single", False),
    }
    cross = [
        replace(site, name=site.name.removesuffix("attn") + "cross_attn", kind="cross", rotary=None)
        for site in joint
        if crossing[site.name.partition(".")[0]]
    ]
    return tuple(replace(site, reads=True) for site in (*joint, *cross))
