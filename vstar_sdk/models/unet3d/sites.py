"""The UNet3D family (ModelScope, ZeroScope, VideoCrafter2, miniworld): its temporal self-attentions. No torch.

Its denoiser is diffusers' ``UNet3DConditionModel``, whose blocks with cross-attention have a temporal transformer behind
every spatial one. Both attentions of a temporal transformer, ``attn1`` and ``attn2``, are self-attentions over frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vstar_sdk.attention.sites import Block, SiteAddress
from vstar_sdk.errors import ModelError

_WITH_ATTENTION = {"CrossAttnDownBlock3D", "CrossAttnUpBlock3D"}
_WITHOUT = {"DownBlock3D", "UpBlock3D"}


def unet3d_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The temporal self-attentions of a ``UNet3DConditionModel``, in the order in which it runs them.

    Down block ``i`` has resolution ``i`` and up block ``i`` the mirrored one; the middle block and the first up block share
    the lowest. Levels number the resolutions that have temporal attention, highest first.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: it is not a configuration of this family.
    """
    try:
        down, up = config["down_block_types"], config["up_block_types"]
        widths, layers, head_dims = config["block_out_channels"], config["layers_per_block"], config["attention_head_dim"]
    except KeyError as missing:
        raise ModelError(f"not a UNet3DConditionModel: its configuration has no {missing}") from None
    unknown = sorted({*down, *up} - _WITH_ATTENTION - _WITHOUT)
    if unknown:
        raise ModelError(f"not a UNet3DConditionModel: it has blocks of type {', '.join(unknown)}")
    lowest = len(widths) - 1
    # diffusers reads "attention_head_dim" as one number for all blocks or one for each, and means the head's channels.
    per_block = [head_dims] * len(widths) if isinstance(head_dims, int) else list(head_dims)
    places: list[tuple[str, Block, int, int]] = [
        *((f"down_blocks.{i}", "down", i, layers) for i, kind in enumerate(down) if kind in _WITH_ATTENTION),
        ("mid_block", "mid", lowest, 1),
        *((f"up_blocks.{i}", "up", lowest - i, layers + 1) for i, kind in enumerate(up) if kind in _WITH_ATTENTION),
    ]
    level = {resolution: level for level, resolution in enumerate(sorted({resolution for _, _, resolution, _ in places}))}
    sites = [*_transformer("transformer_in", "init", 0, heads=8, head_dim=per_block[0])]
    for prefix, block, resolution, count in places:
        head_dim = per_block[resolution]
        for layer in range(count):
            name = f"{prefix}.temp_attentions.{layer}"
            sites += _transformer(name, block, level[resolution], heads=widths[resolution] // head_dim, head_dim=head_dim)
    return tuple(sites)


def _transformer(name: str, block: Block, level: int, *, heads: int, head_dim: int) -> Iterator[SiteAddress]:
    for attention in ("attn1", "attn2"):
        yield SiteAddress(f"{name}.transformer_blocks.0.{attention}", block, level, heads, head_dim)
