"""One component of a pipeline directory, loaded whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.models.modeling_utils import ModelMixin

from vstar_sdk.errors import ModelError, out_of_memory
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.networks import load_network
from vstar_sdk.weights.pretrained import load_pretrained

T = TypeVar("T")

_AGAIN = "the file is missing or damaged: fetch the model again"


def load_component(kind: type[T], directory: Path, name: str, dtype: torch.dtype | None = None) -> T:
    """Load a model, or a tokenizer, from ``directory / name``.

    Nothing is downloaded, no pickle is read, and weights that are missing are not filled in at random. Other threads may build
    and load networks meanwhile.

    Args:
        kind: its class in diffusers or transformers.
        directory: of the pipeline.
        name: of the component's folder.
        dtype: precision of a model's weights; None for a component without weights.

    Raises:
        ModelError: a file is missing or damaged, or the weights do not match the configuration.
    """
    loader: Any = kind
    folder = directory / name
    if not folder.is_dir():
        raise ModelError(f"{directory}: the folder {name} is missing", hint="the model is not complete: fetch it again")
    try:
        if dtype is None:
            return loader.from_pretrained(folder, local_files_only=True)
        loaded, faults = _load(loader, folder, dtype)
    except Exception as error:  # the libraries raise OSError, ValueError, RuntimeError, SafetensorError and others for a bad file
        if isinstance(error, ModelError) or out_of_memory(error):
            raise
        raise ModelError(f"{folder}: cannot be loaded: {error}", hint=_AGAIN) from error
    for fault, found in faults.items():
        if found:
            first = sorted(map(str, found))[0]
            raise ModelError(
                f"{folder}: the weights do not match config.json: {fault.replace('_', ' ')}, such as {first}", hint=_AGAIN
            )
    return loaded


def _load(kind: Any, folder: Path, dtype: torch.dtype) -> tuple[Any, Mapping[str, Iterable[Any]]]:
    """A network, and where its files do not match its configuration: kinds of fault, and the tensors' names."""
    if read_config(folder, "config.json").get("quantization_config") is not None:
        raise ModelError(
            f"{folder}: its weights are quantised (quantization_config in config.json), which is not supported",
            hint="take the model in float32, float16 or bfloat16",
        )
    if issubclass(kind, ModelMixin):
        network, faults = load_network(kind, folder, dtype)
        return network, faults._asdict()
    return load_pretrained(kind, folder, dtype=dtype, use_safetensors=True, output_loading_info=True)
