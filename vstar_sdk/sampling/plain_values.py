"""Values that can be written down: numbers, texts, tensors, and lists and mappings of these."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from vstar_sdk.errors import SamplerError


def taken(values: Mapping[str, Any], whose: str) -> dict[str, Any]:
    """A copy of what a part keeps, its tensors on the CPU.

    Args:
        values: by name.
        whose: for the message.

    Raises:
        SamplerError: one of them cannot be written down.
    """
    for name, value in values.items():
        if not plain(value):
            raise SamplerError(
                f"what {whose} stores cannot be saved: its {name} is a {type(value).__name__}",
                hint="report it to the author of the part",
            )
    return {name: moved(value, copied) for name, value in values.items()}


def given_back(values: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """A copy of what `taken` took, its tensors on a device."""
    return {name: moved(value, lambda tensor: tensor.to(device, copy=True)) for name, value in values.items()}


def plain(value: Any) -> bool:
    """Whether a value can be written down."""
    if isinstance(value, dict):
        return all(plain(key) and plain(item) for key, item in cast(dict[Any, Any], value).items())
    if isinstance(value, list | tuple):
        return all(map(plain, cast(list[Any], value)))
    return value is None or isinstance(value, bool | int | float | str | Tensor | np.ndarray | np.generic)


def copied(tensor: Tensor) -> Tensor:
    """A copy on the CPU."""
    return tensor.detach().to("cpu", copy=True)


def moved(value: Any, move: Callable[[Tensor], Tensor]) -> Any:
    """The value, copied, with every tensor in it passed through ``move``."""
    if isinstance(value, Tensor):
        return move(value)
    if isinstance(value, dict):
        return {key: moved(item, move) for key, item in cast(dict[Any, Any], value).items()}
    if isinstance(value, list | tuple):
        items = [moved(item, move) for item in cast(list[Any], value)]
        return items if isinstance(value, list) else tuple(items)
    return copy.copy(value)
