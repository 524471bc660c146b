"""Networks and configurations made from what ``config.json`` holds; their libraries leave the types of that open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from diffusers.configuration_utils import ConfigMixin
from torch import nn
from transformers import PreTrainedConfig

N = TypeVar("N", bound=ConfigMixin)
C = TypeVar("C", bound=PreTrainedConfig)


def network_from(kind: type[N], config: Mapping[str, Any]) -> N:
    """A network of diffusers, with whatever weights it is built with.

    Args:
        kind: its class.
        config: the file's content.
    """
    library: Any = kind
    return library.from_config({**config})


def text_config_from(kind: type[C], config: Mapping[str, Any]) -> C:
    """The configuration of a text encoder of transformers.

    Args:
        kind: its class.
        config: the file's content.
    """
    library: Any = kind
    return library.from_dict({**config})


def cast_network(module: nn.Module, dtype: torch.dtype) -> None:
    """Change the precision of a network as loading does it: what its class keeps in float32 stays.

    Args:
        module: of diffusers or transformers, on any device.
        dtype: the precision.
    """
    library: Any = module
    kept: Sequence[str] = getattr(library, "_keep_in_fp32_modules", None) or ()
    for name, parameter in module.named_parameters():
        if not any(part in kept for part in name.split(".")):
            parameter.data = parameter.data.to(dtype)
    for name, buffer in module.named_buffers():
        if buffer.is_floating_point() and name in module.state_dict():
            buffer.data = buffer.data.to(dtype)
