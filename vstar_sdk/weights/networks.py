"""A network of diffusers, loaded from its folder without a patch of the process.

``ModelMixin.from_pretrained`` replaces `torch.nn.init`, `torch.nn.Module.register_parameter` and the default precision for every
thread while it builds. What is loaded here equals what it loads, tensor for tensor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.constants import SAFE_WEIGHTS_INDEX_NAME, SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from vstar_sdk.weights.construction import unfilled

N = TypeVar("N", bound=ModelMixin)


class Faults(NamedTuple):
    """Where the files of a network do not match its configuration; words for each tensor, by its name."""

    missing_keys: list[str]
    unexpected_keys: list[str]
    mismatched_keys: list[str]


def load_network(kind: type[N], folder: Path, dtype: torch.dtype) -> tuple[N, Faults]:
    """A network with its weights, to be trusted where there are no faults.

    Args:
        kind: its class in diffusers.
        folder: with ``config.json`` and the weights in safetensors format, in one file or in several with an index.
        dtype: precision of its floating tensors, except those that the class keeps in float32.

    Raises:
        OSError: a file is missing or cannot be read.
        ValueError: the configuration describes no such network.
        SafetensorError: a file is damaged.
    """
    loader: Any = kind
    config: dict[str, Any] = dict(loader.load_config(folder, local_files_only=True))
    with unfilled(dtype):
        network: Any = loader.from_config(config)
    stored = _read(folder, network)
    expected: dict[str, Tensor] = network.state_dict()
    faults = _compare(loader, expected, stored)
    if not any(faults):
        weights = {name: _as_expected(loader, name, stored.pop(name), expected[name], dtype) for name in expected}
        network.load_state_dict(weights, assign=True)
    network.register_to_config(_name_or_path=str(folder))
    return network.eval(), faults


def _read(folder: Path, network: Any) -> dict[str, Tensor]:
    """Every tensor of the files, by the network's own names; their memory is the files' until it is written to."""
    index = folder / SAFE_WEIGHTS_INDEX_NAME
    if not index.is_file():
        file = folder / SAFETENSORS_WEIGHTS_NAME
        if not file.is_file():
            raise FileNotFoundError(f"there is no file {SAFETENSORS_WEIGHTS_NAME}")
        # Early checkpoints, which were never in several files, have other names for the attention of a decoder.
        return network._fix_state_dict_keys_on_load(load_file(file))
    places = json.loads(index.read_text(encoding="utf-8")).get("weight_map")
    if not places:
        raise ValueError(f"{SAFE_WEIGHTS_INDEX_NAME} names no files: it has no weight_map")
    files = sorted(set(places.values()))
    if absent := [file for file in files if not (folder / file).is_file()]:
        raise FileNotFoundError(f"there is no file {absent[0]}, which {SAFE_WEIGHTS_INDEX_NAME} names")
    return {name: tensor for file in files for name, tensor in load_file(folder / file).items()}


def _compare(kind: Any, expected: dict[str, Tensor], stored: dict[str, Tensor]) -> Faults:
    ignored: Sequence[str] = kind._keys_to_ignore_on_load_unexpected or ()
    return Faults(
        missing_keys=[name for name in expected if name not in stored],
        unexpected_keys=[
            name for name in stored if name not in expected and not any(re.search(pattern, name) for pattern in ignored)
        ],
        mismatched_keys=[
            f"{name}, which has the shape {tuple(stored[name].shape)} and must have {tuple(tensor.shape)}"
            for name, tensor in expected.items()
            if name in stored and stored[name].shape != tensor.shape
        ],
    )


def _as_expected(kind: Any, name: str, stored: Tensor, expected: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor in the precision that the network wants it in: a copy where it is not the file's."""
    if not stored.is_floating_point():
        return stored
    kept: Sequence[str] = kind._keep_in_fp32_modules or ()
    precision = torch.float32 if any(part in kept for part in name.split(".")) else dtype
    wanted = stored.to(precision)
    return wanted.contiguous() if expected.is_contiguous() else wanted
