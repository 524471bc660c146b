"""Loading the networks of the embedded model from their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import nn

from vstar_sdk.errors import ModelError, out_of_memory
from vstar_sdk.miniworld.networks.attention import TemporalTransformer
from vstar_sdk.miniworld.networks.layers import TemporalConvolution
from vstar_sdk.models.modules import modules_of
from vstar_sdk.weights.construction import unfilled
from vstar_sdk.weights.directory import read_config

N = TypeVar("N", bound=nn.Module)


def load_weights(kind: Callable[[Mapping[str, Any]], N], directory: Path, component: str, file: str, dtype: torch.dtype) -> N:
    """A network with its weights.

    Args:
        kind: makes it from its configuration.
        directory: of the model.
        component: its folder there.
        file: with its weights.
        dtype: their precision in memory.

    Raises:
        ModelError: a file is missing or damaged, or does not match the configuration.
    """
    config = read_config(directory, f"{component}/config.json")
    path = directory / component / file
    try:
        with unfilled(dtype):
            network = kind(config)
        network.load_state_dict({name: tensor.to(dtype) for name, tensor in load_file(path).items()}, assign=True)
    except Exception as error:  # OSError, RuntimeError, SafetensorError and others for a bad file
        if isinstance(error, ModelError) or out_of_memory(error):
            raise
        raise ModelError(f"{path}: cannot be loaded: {error}", hint="reinstall the package vstar-sdk") from error
    return network.eval()


def skip_idle(denoiser: nn.Module, zero: Callable[[str, nn.Module], bool] | None = None) -> list[str]:
    """Leave out the temporal layers that add exactly zero: the output is the same bit for bit.

    Args:
        denoiser: changed in place.
        zero: whether all weights of a layer are zero, from its name and module; None looks at the weights themselves.

    Returns:
        Names of the layers that are left out.
    """
    skipped: list[str] = []
    for name, module in modules_of(denoiser):
        if isinstance(module, TemporalTransformer | TemporalConvolution):
            last = module.get_submodule(module.LAST)
            module.idle = (zero or _is_zero)(f"{name}.{module.LAST}", last)
            if module.idle:
                skipped.append(name)
    return skipped


def _is_zero(_: str, layer: nn.Module) -> bool:
    return not any(bool(parameter.any()) for parameter in layer.parameters())
