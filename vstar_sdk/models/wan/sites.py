"""The joint self-attentions of Wan. No torch.

The denoiser is diffusers' ``WanTransformer3DModel``, a stack of equal blocks: ``attn1`` attends over all tokens of the clip, the
positions of every latent frame in their order, and ``attn2`` from these to the text. SkyReels V2 has the same blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.stacks import cross_sites
from vstar_sdk.models.rotary import of_time


def wan_sites(config: Mapping[str, Any], prefix: str = "") -> tuple[SiteAddress, ...]:
    """The joint self-attentions of a ``WanTransformer3DModel``, or of SkyReels V2's, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.
        prefix: before the names of its modules, such as ``transformer.``

    Raises:
        ModelError: it is not a configuration of a text-to-video network of this family.
    """
    try:
        layers, heads, head_dim = config["num_layers"], config["num_attention_heads"], config["attention_head_dim"]
        patch = config["patch_size"]
    except KeyError as missing:
        raise ModelError(f"not a WanTransformer3DModel: its configuration has no {missing}") from None
    if (block := config.get("num_frame_per_block", 1)) > 1:
        raise ModelError(f"its attention is causal in blocks of {block} latent frames, and not over the clip as a whole")
    if config.get("inject_sample_info"):
        raise ModelError("its network is told the frame rate of a clip, as diffusion-forcing models of SkyReels V2 are")
    if patch[0] != 1:
        raise ModelError(f"its network joins {patch[0]} latent frames in one token, which is not supported")
    rotary = of_time(head_dim - 4 * (head_dim // 6), 10_000.0)  # height and width have a third each, in whole pairs
    return tuple(
        SiteAddress(f"{prefix}blocks.{layer}.attn1", "stack", 0, heads, head_dim, kind="joint", index=layer, rotary=rotary)
        for layer in range(layers)
    )


def wan_text_sites(config: Mapping[str, Any], prefix: str = "") -> tuple[SiteAddress, ...]:
    """The cross-attentions of a ``WanTransformer3DModel`` to the text, in the order in which it runs them.

    There are none where they read the embeddings of a picture as well: the text of several states is not told apart from it.

    Args:
        config: the network's ``config.json``.
        prefix: before the names of its modules.

    Raises:
        ModelError: see `wan_sites`.
    """
    return () if config.get("image_dim") is not None else cross_sites(wan_sites(config, prefix))
