"""Stable Video Diffusion in ComfyUI: a UNet whose transformers have a stack over time beside the one over space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from vstar_sdk import ModelError, SiteAddress

Block = Literal["down", "mid", "up"]


def sites(model: Any) -> tuple[SiteAddress, ...]:
    """The self-attentions over frames of a ``UNetModel``, in the order in which it runs them.

    Levels number the resolutions that have some, highest first.

    Raises:
        ModelError: it has none.
    """
    found = list(_places(model))
    levels = {resolution: level for level, resolution in enumerate(sorted({resolution for _, _, resolution, _ in found}))}
    if not found:
        raise ModelError("VSTAR cannot nurse a UNetModel that makes single pictures", hint="load Stable Video Diffusion")
    return tuple(
        SiteAddress(f"{name}.time_stack.{index}.attn1", block, levels[resolution], one.attn1.heads, one.attn1.dim_head)
        for name, block, resolution, layer in found
        for index, one in enumerate(layer.time_stack)
    )


def _places(model: Any) -> Iterator[tuple[str, Block, int, Any]]:
    """Transformers with a stack over time: name, block, how often the latents were halved, and the layer."""
    resolution = 0
    parts: list[tuple[str, Block, Any]] = [
        *((f"input_blocks.{number}", "down", part) for number, part in enumerate(model.input_blocks)),
        ("middle_block", "mid", model.middle_block),
        *((f"output_blocks.{number}", "up", part) for number, part in enumerate(model.output_blocks)),
    ]
    for name, block, part in parts:
        for number, layer in enumerate(part or ()):
            kind: str = type(layer).__name__
            if kind == "SpatialVideoTransformer":
                yield f"{name}.{number}", block, resolution, layer
            resolution += {"Downsample": 1, "Upsample": -1}.get(kind, 0)
