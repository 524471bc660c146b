"""How ComfyUI's override of attention learns which attention is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from vstar_sdk import SamplerError

from .calls import OPTIONS

OVERRIDE = "optimized_attention_override"
"""The key of ``transformer_options`` for a function in the place of ComfyUI's attention."""


def naming(key: str, name: str) -> Callable[..., Any]:
    """A hook of an attention that writes a name into the options that its call brings.

    Args:
        key: of the options.
        name: of the attention.
    """

    def name_it(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        if OPTIONS not in kwargs:
            raise SamplerError(
                f"{name} ({type(module).__name__}) is not told {OPTIONS}, by which its attention is replaced",
                hint="update ComfyUI, or the node pack that the model comes from",
            )
        return args, kwargs | {OPTIONS: kwargs[OPTIONS] | {key: name}}

    return name_it
