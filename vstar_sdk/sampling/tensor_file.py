"""Plain data with tensors in it as one file: safetensors, whose metadata hold the data as JSON. Reading one executes nothing."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from vstar_sdk.errors import OutputError, SamplerError

_TAG = "!"
"""The key that marks a JSON object as one of the forms that JSON does not have."""


def write_tensors(path: Path, data: Any) -> None:
    """Write a value to a file, whole or not at all.

    Args:
        path: the file; one that is there is replaced.
        data: None, truth values, numbers, texts, tensors and arrays, and lists, tuples and mappings of these.

    Raises:
        TypeError: something else is in it; the message says where.
        OutputError: the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_encoded(data, tensors, "data"))
    partial: str | None = None
    try:
        descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(descriptor)
        save_file(tensors, partial, metadata={"data": text})
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        raise OutputError(f"{path} cannot be written: {error}", hint="is the disk full, or the folder read-only?") from error
    finally:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)


def tensor_bytes(data: Any) -> bytes:
    """The content of the file that `write_tensors` writes.

    Raises:
        TypeError: see `write_tensors`.
    """
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_encoded(data, tensors, "data"))
    return save(tensors, metadata={"data": text})


def read_tensors(path: Path) -> Any:
    """The value that `write_tensors` wrote; its tensors are on the CPU.

    Raises:
        SamplerError: there is no such file, it is damaged, or something else wrote it.
    """
    try:
        opened: Any = safe_open(path, framework="pt")
        with opened as file:
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
            return _decoded(json.loads(file.metadata()["data"]), tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise SamplerError(f"{path} has no readable state: {error}", hint="start the run again") from error


def _encoded(value: Any, tensors: dict[str, Tensor], where: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        return _kept(value.detach(), "tensor", tensors)
    if isinstance(value, np.ndarray | np.generic):
        form = "array" if isinstance(value, np.ndarray) else "number"
        return _kept(torch.as_tensor(np.array(cast(Any, value), copy=True, order="C")), form, tensors)
    if isinstance(value, dict):
        mapping = cast(dict[Any, Any], value)
        pairs = [[_encoded(key, tensors, where), _encoded(item, tensors, f"{where}.{key}")] for key, item in mapping.items()]
        return {_TAG: "mapping", "items": pairs}
    if isinstance(value, list | tuple):
        items = [_encoded(item, tensors, f"{where}[{index}]") for index, item in enumerate(cast(list[Any], value))]
        return items if isinstance(value, list) else {_TAG: "tuple", "items": items}
    raise TypeError(f"{where} is a {type(value).__name__}, which cannot be saved")


def _kept(tensor: Tensor, form: str, tensors: dict[str, Tensor]) -> dict[str, str]:
    name = str(len(tensors))
    tensors[name] = tensor.to("cpu", copy=True).contiguous()  # a copy: no two tensors of a file may share memory
    return {_TAG: form, "name": name}


def _decoded(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_decoded(item, tensors) for item in cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    written = cast(dict[str, Any], value)
    match written[_TAG]:
        case "tensor":
            return tensors[written["name"]]
        case "array":
            return tensors[written["name"]].numpy()
        case "number":
            return tensors[written["name"]].numpy()[()]
        case "tuple":
            return tuple(_decoded(item, tensors) for item in written["items"])
        case "mapping":
            return {_decoded(key, tensors): _decoded(item, tensors) for key, item in written["items"]}
        case form:
            raise ValueError(f"unknown form {form!r}")
