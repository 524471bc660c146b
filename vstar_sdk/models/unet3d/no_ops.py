"""Layers of a network that do nothing, left out of its computation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffusers.models.resnet import TemporalConvLayer
from diffusers.models.transformers.transformer_temporal import TransformerTemporalModel
from torch import Tensor, nn

from vstar_sdk.models.modules import modules_of


def skip_no_ops(denoiser: nn.Module, zero: Callable[[str, nn.Module], bool] | None = None) -> list[str]:
    """Pass the input on wherever a temporal layer adds exactly zero to it: the output is the same bit for bit.

    Temporal layers are residual, and begin training with a last layer of zeros. Where a network was trained with some of them
    frozen at that, as miniworld was, they still cost as much as any other.

    Args:
        denoiser: changed in place; weights stay as they are.
        zero: whether all weights of a layer are zero, from its name and module; None looks at the weights themselves.

    Returns:
        Names of the layers that are left out.
    """
    zero = zero or _is_zero
    skipped: list[str] = []
    for name, module in modules_of(denoiser):
        if isinstance(module, TransformerTemporalModel) and zero(f"{name}.proj_out", module.proj_out):
            module.__dict__["forward"] = _pass_frames
        elif isinstance(module, TemporalConvLayer) and zero(f"{name}.conv4.{len(module.conv4) - 1}", module.conv4[-1]):
            module.__dict__["forward"] = _pass_convolution
        else:
            continue
        skipped.append(name)
    return skipped


def _is_zero(_: str, layer: Any) -> bool:
    return not any(parameter.is_meta or parameter.any() for parameter in layer.parameters())


def _pass_convolution(hidden_states: Tensor, num_frames: int = 1) -> Tensor:
    del num_frames
    return hidden_states


def _pass_frames(hidden_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor]:
    del args, kwargs
    return (hidden_states,)
