"""Quantised weights of a denoiser: which kind, and what they take. No torch."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vstar_sdk.errors import MissingDependency, ModelError
from vstar_sdk.weights.finding import local_path

Quantize = Literal["bitsandbytes-8bit", "bitsandbytes-4bit", "torchao-int8", "torchao-float8"]
"""The package that quantises the weights of linear layers while they are loaded, and the type of these."""

_SHARES = {"bitsandbytes-8bit": 1.0, "bitsandbytes-4bit": 0.5 + 4 / 64, "torchao-int8": 1.0, "torchao-float8": 1.0}
"""Bytes of a weight; with 4 bits there is a float32 factor for each 64 of them."""
_COMMANDS = {"bitsandbytes": "bitsandbytes accelerate", "torchao": "'torchao>=0.15'", "gguf": "gguf"}


@dataclass(frozen=True)
class Quantized:
    """What a spec says of quantised weights.

    Attributes:
        how: quantised while they are loaded; None where files hold them.
        files: in the format GGUF, of the first and of the second network.
    """

    how: Quantize | None = None
    files: tuple[str | None, str | None] = (None, None)

    @property
    def package(self) -> str:
        """What must be installed."""
        return "gguf" if self.how is None else self.how.partition("-")[0]

    def file(self, folder: str) -> Path:
        """The GGUF file of a network.

        Args:
            folder: of the network in the model's directory.

        Raises:
            ModelError: there is none.
        """
        second = folder == "transformer_2"
        reference, key = self.files[second], "gguf_2" if second else "gguf"
        if reference is None:
            raise ModelError(f"the model has a network {folder}, and the spec no GGUF file for it", hint=f"set model.{key}")
        found = local_path(reference)
        if found is None or not found.is_file():
            raise ModelError(f"{reference}: there is no such file", hint="download it once: hf download ID FILE")
        return found

    def bytes_of(self, plain: int, dtype: str, networks: tuple[str, ...]) -> int:
        """Bytes of a denoiser's weights.

        All weights are counted as those of linear layers, which hold nearly all of them in large models.

        Args:
            plain: bytes without it.
            dtype: the precision of these.
            networks: folders of the denoising networks.

        Raises:
            ModelError: a GGUF file is not there.
        """
        if self.how is None:
            return sum(self.file(network).stat().st_size for network in networks)
        return round(plain * _SHARES[self.how] / (4 if dtype == "float32" else 2))

    def need_package(self) -> None:
        """Be sure that such weights can be loaded here; told without importing anything.

        Raises:
            MissingDependency: the package is not installed.
        """
        if not installed(self.package):
            key = "gguf" if self.how is None else f"quantize: {self.how}"
            raise MissingDependency(
                f"model.{key} needs the package '{self.package}', which is not installed",
                hint=f"pip install {_COMMANDS[self.package]}",
            )


def installed(package: str) -> bool:
    """Whether a package is here."""
    return importlib.util.find_spec(package) is not None
