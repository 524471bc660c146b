"""A denoiser with quantised weights, by diffusers' own loaders."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import torch

from vstar_sdk.errors import ModelError, out_of_memory
from vstar_sdk.models.quantizing import Quantized
from vstar_sdk.weights.components import load_component

T = TypeVar("T")


def load_denoiser(kind: type[T], directory: Path, folder: str, dtype: torch.dtype, quantize: Quantized | None) -> T:
    """A denoising network.

    Quantised ones come from diffusers' loaders, which change how modules are built in the whole process while they work: no
    other thread may build networks meanwhile.

    Args:
        kind: its class in diffusers.
        directory: of the pipeline.
        folder: of the network in it.
        dtype: that it computes in.
        quantize: how its weights are stored; None as they are in the directory, in ``dtype``.

    Raises:
        ModelError: a file is missing or damaged, or cannot be quantised here.
    """
    if quantize is None:
        return load_component(kind, directory, folder, dtype)
    loader: Any = kind
    file = quantize.file(folder) if quantize.how is None else directory / folder
    try:
        if quantize.how is None:
            return loader.from_single_file(
                str(file),
                config=str(directory),
                subfolder=folder,
                quantization_config=_config(quantize, dtype),
                torch_dtype=dtype,
                local_files_only=True,
            )
        return loader.from_pretrained(
            file,
            quantization_config=_config(quantize, dtype),
            torch_dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
        )
    except Exception as error:  # diffusers and the packages raise whatever they find
        if out_of_memory(error):
            raise
        raise ModelError(
            f"{file}: cannot be loaded with {quantize.package}: {error}",
            hint="check that the file is of this model, and that the package supports this device",
        ) from error


def _config(quantize: Quantized, dtype: torch.dtype) -> Any:
    """What diffusers takes."""
    from diffusers.quantizers import quantization_config as configs

    if quantize.how is None:
        return configs.GGUFQuantizationConfig(compute_dtype=dtype)
    if quantize.how == "bitsandbytes-8bit":
        return configs.BitsAndBytesConfig(load_in_8bit=True)
    if quantize.how == "bitsandbytes-4bit":
        return configs.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
    import torchao.quantization as torchao  # pyright: ignore[reportMissingImports]

    chosen: Any = torchao
    integers = quantize.how == "torchao-int8"
    return configs.TorchAoConfig(chosen.Int8WeightOnlyConfig() if integers else chosen.Float8WeightOnlyConfig())
