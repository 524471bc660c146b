"""Layers whose stored weights are all zero, found without a network in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import nn


def stored_zeros(folder: Path) -> Callable[[str, nn.Module], bool]:
    """Whether all the weights that a folder stores for a layer, given by name and module, are zero.

    Without files none are, nor is a layer that has no weights of its own.

    Args:
        folder: of a network, with or without its safetensors files.
    """
    opened: list[Any] = [safe_open(path, "pt") for path in sorted(folder.glob("*.safetensors"))]
    home: dict[str, Any] = {key: file for file in opened for key in file.keys()}  # noqa: SIM118  (safe_open is not a mapping)

    def zero(name: str, layer: nn.Module) -> bool:
        stored = [f"{name}.{own}" for own, _ in layer.named_parameters()]
        return bool(stored) and all(key in home and not home[key].get_tensor(key).any() for key in stored)

    return zero
