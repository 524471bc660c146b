"""Quantised weights of a denoiser: which kind, and what they take. No torch."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import Discriminator, Tag

from vstar_sdk.errors import MissingDependency, ModelError
from vstar_sdk.options import ModelReference, Options
from vstar_sdk.weights.finding import local_path


class BitsAndBytes(Options):
    """Weights of linear layers in 8 or 4 bits, quantised by bitsandbytes while they are loaded."""

    use: Literal["bitsandbytes"]
    """The package."""
    bits: Literal[8, 4] = 8
    """8 (LLM.int8) or 4 (NF4)."""

    def share(self, stored: int) -> float:
        """Bytes of a weight as a share of ``stored`` bytes: with 4 bits a float32 factor for each 64 weights beside them."""
        return (1.0 if self.bits == 8 else 0.5 + 4 / 64) / stored


class TorchAO(Options):
    """Weights of linear layers quantised by torchao while they are loaded; the layers compute in the model's precision."""

    use: Literal["torchao"]
    """The package."""
    weights: Literal["int8", "float8"] = "int8"
    """The type of the weights; float8 needs a GPU that computes in it."""

    def share(self, stored: int) -> float:
        """Bytes of a weight as a share of ``stored`` bytes."""
        return 1.0 / stored


class Gguf(Options):
    """Weights that are quantised already, in a file of the format GGUF; layers compute in the model's precision."""

    use: Literal["gguf"]
    """The format, and the package that reads it."""
    path: ModelReference
    """The file, on this machine. Of two networks that share the schedule, that of the first."""
    path_2: ModelReference | None = None
    """The file of the second network."""

    def file(self, folder: str) -> Path:
        """The file of a network.

        Args:
            folder: of the network in the model's directory.

        Raises:
            ModelError: it is not there.
        """
        reference = self.path if folder == "transformer" else self.path_2
        if reference is None:
            raise ModelError("the model has two networks, and the spec one GGUF file", hint="set model.quantize: path_2")
        found = local_path(reference)
        if found is None or not found.is_file():
            raise ModelError(f"{reference}: there is no such file", hint="download it once: hf download ID FILE")
        return found


def _use(value: object) -> object:
    return cast(dict[str, object], value).get("use") if isinstance(value, dict) else getattr(value, "use", None)


Quantize = Annotated[
    Annotated[BitsAndBytes, Tag("bitsandbytes")] | Annotated[TorchAO, Tag("torchao")] | Annotated[Gguf, Tag("gguf")],
    Discriminator(_use, custom_error_type="quantize", custom_error_message="write use: bitsandbytes, use: torchao or use: gguf"),
]
"""One of them."""
QuantizeName = Literal["bitsandbytes", "torchao", "gguf"]
_PACKAGES = {"bitsandbytes": "bitsandbytes accelerate", "torchao": "'torchao>=0.15'", "gguf": "gguf"}


def need_package(quantize: BitsAndBytes | TorchAO | Gguf | None) -> None:
    """Be sure that quantised weights can be loaded here; told without importing anything.

    Args:
        quantize: of the spec.

    Raises:
        MissingDependency: its package is not installed.
    """
    if quantize is not None and not installed(quantize.use):
        raise MissingDependency(
            f"model.quantize: {quantize.use} needs the package '{quantize.use}', which is not installed",
            hint=f"pip install {_PACKAGES[quantize.use]}",
        )


def installed(package: str) -> bool:
    """Whether a package is here."""
    return importlib.util.find_spec(package) is not None


def quantised_bytes(quantize: BitsAndBytes | TorchAO | Gguf, plain: int, dtype: str, networks: tuple[str, ...]) -> int:
    """Bytes of a denoiser's weights.

    All weights are counted as those of linear layers, which hold nearly all of them in large models.

    Args:
        quantize: of the spec.
        plain: bytes without it.
        dtype: the precision of these.
        networks: folders of the denoising networks.

    Raises:
        ModelError: a GGUF file is not there.
    """
    if isinstance(quantize, Gguf):
        return sum(quantize.file(network).stat().st_size for network in networks)
    return round(plain * quantize.share(4 if dtype == "float32" else 2))
