"""LoRAs that a spec names: which file each is, and how strong. No torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Annotated, Literal

from pydantic import Field, field_validator

from vstar_sdk.errors import MissingDependency, ModelError
from vstar_sdk.options import ModelReference, Number, Options
from vstar_sdk.reach import InnerName
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.finding import Commit, find_model

Weight = Annotated[float, Number, Field(ge=-10.0, le=10.0)]
"""How much of a LoRA is added."""


class LoraFile(Options):
    """Where a LoRA is."""

    path: ModelReference
    """A safetensors file, a folder that holds one, or a hub id together with `revision`."""
    revision: Commit | None = None
    """The commit of a hub id: 40 hexadecimal digits."""
    file: InnerName | None = Field(default=None, min_length=1, max_length=200)
    """Which file, in a folder or hub repository that holds several."""

    @field_validator("file")
    @classmethod
    def _inside(cls, file: str | None) -> str | None:
        if file is not None and (PureWindowsPath(file).anchor or {"..", "~"} & {*PureWindowsPath(file).parts}):
            raise ValueError(f"file {file!r} leaves the folder of the LoRA: write a name inside it")
        return file


class LoraOptions(LoraFile):
    """One LoRA, of images or of motion."""

    weight: float = Field(default=1.0, ge=-10.0, le=10.0)
    """How much of it is added; 0 is the plain model, and a negative value inverts it."""


class TransformerLoraOptions(LoraFile):
    """One LoRA of a denoiser that attends over all tokens of a clip."""

    weight: Weight | Annotated[list[Weight], Field(min_length=1, max_length=64)] = 1.0
    """How much of it is added; 0 is the plain model, and a negative value inverts it. On models whose frames read a text each,
    also a list with a number for every key state: frames between two states get the mixture that the timeline says."""
    network: Literal["transformer", "transformer_2"] | None = None
    """Which of two networks that share the schedule it is for, by its folder; left out: all."""


@dataclass(frozen=True)
class Lora:
    """A LoRA that was found.

    Attributes:
        file: with its weights.
        weight: how much of it is added, or how much in every key state.
        network: see `TransformerLoraOptions`.
    """

    file: Path
    weight: float | tuple[float, ...] = 1.0
    network: str | None = None


def need_peft(loras: Sequence[object]) -> None:
    """Be sure that LoRAs can be loaded here.

    Args:
        loras: of the spec.

    Raises:
        MissingDependency: there are some, and no ``peft``.
    """
    if loras and not peft_installed():
        raise MissingDependency("model.loras needs the package 'peft', which is not installed", hint="pip install peft")


def peft_installed() -> bool:
    """Whether LoRAs can be loaded here; told without importing anything."""
    return importlib.util.find_spec("peft") is not None


def find_lora(options: LoraFile, resolver: Resolver) -> Path:
    """The file of a LoRA.

    Args:
        options: where it is.
        resolver: may know where a hub id is here.

    Raises:
        ModelError: there is none, or several.
    """
    patterns = (options.file or "*.safetensors",)
    found = _found(options, find_model(options.path, options.revision, resolver, patterns, key="revision (of the LoRA)"))
    if found.suffix != ".safetensors":
        hint = "convert it: only safetensors files are read, because others can hold code"
        raise ModelError(f"{found}: a LoRA is a file named *.safetensors", hint=hint)
    return found


def _found(options: LoraFile, found: Path) -> Path:
    """The file in what was found.

    Raises:
        ModelError: there is none, or several.
    """
    if found.is_file():
        return found
    if options.file is not None:
        if not (found / options.file).is_file():
            raise ModelError(f"{found}: has no file {options.file}", hint="check model.loras: file")
        return found / options.file
    files = sorted(found.glob("*.safetensors"))
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise ModelError(f"{found}: a LoRA is one safetensors file, but this folder has {names}", hint="set model.loras: file")
    return files[0]
