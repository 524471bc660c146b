"""The UNetMotion family (AnimateDiff): what its network's configuration says of temporal attention. No torch.

Its denoiser is diffusers' ``UNetMotionModel``: an image network with a motion module behind every residual layer, those without
cross-attention too. A motion module holds transformer blocks whose ``attn1`` and ``attn2`` are both self-attentions over frames,
and adds a sinusoidal positional encoding to the normed input of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vstar_sdk.attention.sites import Block, SiteAddress
from vstar_sdk.errors import ModelError

_BLOCKS = {"CrossAttnDownBlockMotion", "DownBlockMotion", "CrossAttnUpBlockMotion", "UpBlockMotion"}


def unet_motion_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The temporal self-attentions of a ``UNetMotionModel``, in the order in which it runs them.

    Down block ``i`` has resolution ``i`` and up block ``i`` the mirrored one; the middle block and the first up block share the
    lowest. Every resolution has motion modules, so levels are resolutions, highest first.

    Args:
        config: the network's configuration.

    Raises:
        ModelError: it is not a configuration of this family.
    """
    try:
        down, up, widths = config["down_block_types"], config["up_block_types"], config["block_out_channels"]
        layers, heads = config["layers_per_block"], config["motion_num_attention_heads"]
    except KeyError as missing:
        raise ModelError(f"not a UNetMotionModel: its configuration has no {missing}") from None
    unknown = sorted({*down, *up} - _BLOCKS)
    if unknown:
        raise ModelError(f"not a UNetMotionModel: it has blocks of type {', '.join(unknown)}")
    blocks = len(widths)
    depths = _per_block(config.get("temporal_transformer_layers_per_block", 1), blocks)
    reverse = config.get("reverse_temporal_transformer_layers_per_block")
    depths_up = depths[::-1] if reverse is None else _per_block(reverse, blocks)
    layers, heads = _per_block(layers, blocks), _per_block(heads, blocks)
    sites: list[SiteAddress] = []
    for i in range(blocks):
        sites += _block(f"down_blocks.{i}", "down", i, widths[i], layers[i], depths[i], heads[i])
    lowest = blocks - 1
    if config.get("use_motion_mid_block", True):
        depth, count = config.get("temporal_transformer_layers_per_mid_block", 1), config.get("mid_block_layers", 1)
        sites += _block("mid_block", "mid", lowest, widths[-1], count, depth, heads[-1])
    for i in range(blocks):
        resolution = lowest - i
        name, count = f"up_blocks.{i}", layers[resolution] + 1
        sites += _block(name, "up", resolution, widths[resolution], count, depths_up[i], heads[resolution])
    return tuple(sites)


def motion_config(unet: Mapping[str, Any], adapter: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of the network that an image network and a motion adapter make together.

    Args:
        unet: ``config.json`` of a ``UNet2DConditionModel``.
        adapter: ``config.json`` of a ``MotionAdapter``.

    Raises:
        ModelError: they are of other classes, or do not fit each other.
    """
    for what, config, kind in (("network", unet, "UNet2DConditionModel"), ("motion adapter", adapter, "MotionAdapter")):
        if config.get("_class_name", kind) != kind:
            raise ModelError(f"its {what} is a {config['_class_name']}, but a {kind} is needed")
    if adapter.get("conv_in_channels"):
        raise ModelError("its motion adapter needs a picture in addition to the prompt (PIA)")
    try:
        widths, layers, channels = list(unet["block_out_channels"]), unet["layers_per_block"], unet["in_channels"]
        down, up = unet["down_block_types"], unet["up_block_types"]
    except KeyError as missing:
        raise ModelError(f"its network's configuration has no {missing}") from None
    if channels != 4:
        raise ModelError(f"its network takes {channels} channels, but latents have 4: it may be an inpainting model")
    for what, own, given in (
        ("widths", widths, list(adapter.get("block_out_channels", (320, 640, 1280, 1280)))),
        ("layers", [*_per_block(layers, len(widths))], [*_per_block(adapter.get("motion_layers_per_block", 2), len(widths))]),
    ):
        if own != given:
            raise ModelError(
                f"its motion adapter is for networks with {what} of {given} from block to block, but this network has {own}"
            )
    return {
        "down_block_types": ["CrossAttnDownBlockMotion" if "CrossAttn" in kind else "DownBlockMotion" for kind in down],
        "up_block_types": ["CrossAttnUpBlockMotion" if "CrossAttn" in kind else "UpBlockMotion" for kind in up],
        "block_out_channels": widths,
        "layers_per_block": layers,
        "motion_num_attention_heads": adapter.get("motion_num_attention_heads", 8),
        "temporal_transformer_layers_per_block": adapter.get("motion_transformer_layers_per_block", 1),
        "temporal_transformer_layers_per_mid_block": adapter.get("motion_transformer_layers_per_mid_block", 1),
        "use_motion_mid_block": adapter.get("use_motion_mid_block", True),
    }


def _block(name: str, block: Block, level: int, width: int, layers: int, depths: Any, heads: Any) -> Iterator[SiteAddress]:
    """The sites of one block: ``depths`` and ``heads`` are one number for all its layers, or one for each."""
    for layer, (depth, count) in enumerate(zip(_per_block(depths, layers), _per_block(heads, layers), strict=True)):
        for transformer in range(depth):
            for attention in ("attn1", "attn2"):
                site = f"{name}.motion_modules.{layer}.transformer_blocks.{transformer}.{attention}"
                yield SiteAddress(site, block, level, count, width // count)


def _per_block(value: Any, blocks: int) -> Sequence[Any]:
    """diffusers' "one for all, or one for each"; None is its default, one."""
    if value is None:
        return [1] * blocks
    return [value] * blocks if isinstance(value, int) else list(value)
