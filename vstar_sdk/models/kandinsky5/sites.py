"""The joint self-attentions of Kandinsky 5. No torch.

The denoiser is diffusers' ``Kandinsky5Transformer3DModel``. A few blocks read the text first. Then comes a stack of equal blocks:
``self_attention`` attends over all tokens of the clip, the positions of every latent frame in their order, and
``cross_attention`` from these to the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.stacks import cross_sites
from vstar_sdk.models.rotary import of_time

POSITIONS = 128
"""Latent frames that the network has rotary positions for; likewise rows and columns of tokens."""


def kandinsky5_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The joint self-attentions of a ``Kandinsky5Transformer3DModel``, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: it is no configuration of this family, its attention is sparse, or a token has no frame of its own.
    """
    try:
        layers, channels, head_dim = config["num_visual_blocks"], config["model_dim"], sum(config["axes_dims"])
        patch = config["patch_size"]
    except KeyError as missing:
        raise ModelError(f"no Kandinsky5Transformer3DModel: its configuration has no {missing}") from None
    if (kind := config.get("attention_type", "regular")) != "regular":
        raise ModelError(
            f"its attention is sparse ({kind}): which blocks of tokens see each other depends on the picture, and a bias between "
            "frames has no logits there"
        )
    if patch[0] != 1:
        raise ModelError(f"its network joins {patch[0]} latent frames in one token, and so a token has no frame of its own")
    return tuple(
        SiteAddress(
            f"visual_transformer_blocks.{layer}.self_attention",
            "stack",
            0,
            channels // head_dim,
            head_dim,
            kind="joint",
            index=layer,
            rotary=of_time(config["axes_dims"][0], 10_000.0),
        )
        for layer in range(layers)
    )


def kandinsky5_text_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The cross-attentions of a ``Kandinsky5Transformer3DModel`` to the text, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: see `kandinsky5_sites`.
    """
    return cross_sites(kandinsky5_sites(config), "self_attention", "cross_attention")
