"""The joint attentions of MiniMax-H3, and how its latents pack time. No torch.

The denoiser is diffusers' ``MiniMaxH3Transformer3DModel``, a stack of equal blocks: ``attn`` attends over one sequence that holds
text, given pictures and clips, the sound, and last the tokens of the video, the positions of every latent frame in their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import ModelError

PATCH = 2
"""Latents of a side to a token."""
CYCLE = (1, 4, 4, 4, 4)
"""Pixel frames of its latent frames: 17 in five."""
RHYTHM = Rhythm(head=CYCLE, cycle=CYCLE, tail=CYCLE[:2])
"""Clips of ``17 n + 5`` frames, ``n`` from 1: what the decoder makes of ``5 n + 2`` latent frames."""


def minimax_h3_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The joint attentions of a ``MiniMaxH3Transformer3DModel``, in the order in which it runs them.

    They name no rotary positions: latent frames are not evenly spaced in time.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: it is not a configuration of this family.
    """
    try:
        layers, heads, head_dim = config["num_layers"], config["num_attention_heads"], config["attention_head_dim"]
    except KeyError as missing:
        raise ModelError(f"not a MiniMaxH3Transformer3DModel: its configuration has no {missing}") from None
    if (patch := tuple(config.get("patch_size", (1, PATCH, PATCH)))) != (1, PATCH, PATCH):
        raise ModelError(f"its network joins {' x '.join(map(str, patch))} latents in one token; expected are 1 x 2 x 2")
    return tuple(
        SiteAddress(f"transformer_blocks.{layer}.attn", "stack", 0, heads, head_dim, kind="joint", index=layer)
        for layer in range(layers)
    )


def minimax_h3_text_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """Where the frames of a ``MiniMaxH3Transformer3DModel`` read text: the same joint attentions.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: see `minimax_h3_sites`.
    """
    return tuple(replace(site, reads=True) for site in minimax_h3_sites(config))
