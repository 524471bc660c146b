"""``animatediff``: a Stable Diffusion 1.5 checkpoint, a motion adapter that makes it move, and LoRAs. No torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from vstar_sdk.errors import MissingDependency, ModelError
from vstar_sdk.models.animatediff.sites import motion_config, unet_motion_sites
from vstar_sdk.models.contract import Facts
from vstar_sdk.models.counting import counted_once
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.options import ModelReference, Options
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.reach import InnerName
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION, UNET_WEIGHTS, Commit, find_model

if TYPE_CHECKING:
    from vstar_sdk.models.animatediff.adapter import UNetMotionAdapter
    from vstar_sdk.models.estimates import Estimate, Workload

ADAPTER_WEIGHTS = ("config.json", "diffusion_pytorch_model.safetensors")
"""Patterns of the motion adapter's files."""


class LoraOptions(Options):
    """One LoRA, of images or of motion."""

    path: ModelReference
    """A safetensors file, a folder that holds one, or a hub id together with `revision`."""
    revision: Commit | None = None
    """The commit of a hub id: 40 hexadecimal digits."""
    file: InnerName | None = Field(default=None, min_length=1, max_length=200)
    """Which file, in a folder or hub repository that holds several."""
    weight: float = Field(default=1.0, ge=-10.0, le=10.0)
    """Factor of the band; negative values invert it."""

    @field_validator("file")
    @classmethod
    def _inside(cls, file: str | None) -> str | None:
        if file is not None and (PureWindowsPath(file).anchor or {"..", "~"} & {*PureWindowsPath(file).parts}):
            raise ValueError(f"file {file!r} leaves the folder of the LoRA: write a name inside it")
        return file


class AnimateDiffOptions(FramewiseOptions):
    """Which checkpoint and motion adapter, and how they run."""

    ONE_AT_A_TIME: ClassVar[frozenset[str]] = FramewiseOptions.ONE_AT_A_TIME | {"loras"}

    path: ModelReference
    """A Stable Diffusion 1.5 checkpoint: a folder in diffusers format, or a hub id such as
    `stable-diffusion-v1-5/stable-diffusion-v1-5` together with `revision`."""
    revision: Commit | None = None
    """The commit of the checkpoint's hub id: 40 hexadecimal digits."""
    adapter: ModelReference
    """A motion adapter: a folder in diffusers format, or a hub id such as `guoyww/animatediff-motion-adapter-v1-5-2` together
    with `adapter_revision`."""
    adapter_revision: Commit | None = None
    """The commit of the adapter's hub id: 40 hexadecimal digits."""
    loras: list[LoraOptions] = Field(default_factory=list[LoraOptions], max_length=32)
    """Merged into the weights, in this order; they need the package `peft`."""


@dataclass(frozen=True)
class AnimateDiffSource:
    """A checkpoint with a motion adapter; a `vstar_sdk.models.contract.ModelSource`.

    Attributes:
        options: which ones, and how they run.
        resolver: may know where a hub id is here.
        modules: what loading imports.
    """

    modules: ClassVar[tuple[str, ...]] = ("vstar_sdk.models.animatediff.adapter",)

    options: AnimateDiffOptions
    resolver: Resolver

    def facts(self) -> Facts:
        """Read the configuration files, of hub ids after fetching them.

        Raises:
            ModelError: one is missing or damaged, or the two do not fit each other.
            MissingDependency: there are LoRAs, and no ``peft``.
        """
        if self.options.loras and not peft_installed():
            raise MissingDependency("model.loras needs the package 'peft', which is not installed", hint="pip install peft")
        base, adapter = self._base(CONFIGURATION), self._adapter(("config.json",))
        unet, vae = read_config(base, "unet/config.json"), read_config(base, "vae/config.json")
        try:
            sites = unet_motion_sites(motion_config(unet, read_config(adapter, "config.json")))
        except ModelError as error:
            hint = "use a Stable Diffusion 1.5 checkpoint and a motion adapter for it, both in diffusers format"
            raise ModelError(f"{base} with {adapter}: {error}", hint=hint) from None
        factor = 2 ** (len(vae.get("block_out_channels", (1, 1, 1, 1))) - 1)
        sample = unet.get("sample_size") or 64
        height, width = (sample, sample) if isinstance(sample, int) else sample
        return Facts(
            name="AnimateDiff",
            sites=sites,
            encodes=True,
            frames=16,
            width=width * factor,
            height=height * factor,
            size_multiple=factor * 2 ** (len(unet["block_out_channels"]) - 1),
            fps=8.0,
            steps=25,
            guidance=7.5,
            eta=0.0,
            scheduler_config=motion_schedule(read_config(base, "scheduler/scheduler_config.json")),
        )

    def load(self, device: str, dtype: str) -> UNetMotionAdapter:
        """Load the weights, of hub ids after fetching them.

        Args:
            device: a torch device.
            dtype: ``float32``, ``float16`` or ``bfloat16``.

        Raises:
            ModelError: a file is missing or damaged, or does not match its configuration.
            MissingDependency: there are LoRAs, and no ``peft``.
        """
        from vstar_sdk.models.animatediff.adapter import load

        facts = self.facts()
        loras = [(_lora(one, self.resolver), one.weight) for one in self.options.loras]
        return load(self._base(UNET_WEIGHTS), self._adapter(ADAPTER_WEIGHTS), loras, facts, device, dtype, self.options)

    def estimate(self, workload: Workload) -> Estimate:
        """Count what a workload takes, without the weights; LoRAs add nothing once they are merged.

        Raises:
            ModelError: a configuration is missing or of another family.
        """
        base, adapter = self._base(CONFIGURATION), self._adapter(("config.json",))

        def count() -> Estimate:
            from vstar_sdk.models.animatediff.estimate import estimate

            return estimate(base, adapter, workload, self.options)

        files = [base / component / "config.json" for component in ("unet", "vae", "text_encoder")]
        return counted_once([*files, adapter / "config.json"], workload, self.options, count)

    def _base(self, patterns: tuple[str, ...]) -> Path:
        return find_model(self.options.path, self.options.revision, self.resolver, patterns)

    def _adapter(self, patterns: tuple[str, ...]) -> Path:
        return find_model(
            self.options.adapter, self.options.adapter_revision, self.resolver, patterns, key="model.adapter_revision"
        ).resolve()


def peft_installed() -> bool:
    """Whether LoRAs can be merged here; told without importing anything."""
    return importlib.util.find_spec("peft") is not None


def motion_schedule(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of the noise that motion adapters were trained with, which is not that of the checkpoint.

    Args:
        config: the checkpoint's ``scheduler_config.json``.
    """
    return {**config, "beta_schedule": "linear", "clip_sample": False, "timestep_spacing": "linspace", "steps_offset": 1}


def _lora(options: LoraOptions, resolver: Resolver) -> Path:
    """The file of a LoRA.

    Raises:
        ModelError: there is none, or several.
    """
    patterns = (options.file or "*.safetensors",)
    found = find_model(options.path, options.revision, resolver, patterns, key="revision (of the LoRA)")
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


def animatediff(options: AnimateDiffOptions, resolver: Resolver) -> AnimateDiffSource:
    """A checkpoint with a motion adapter."""
    return AnimateDiffSource(options, resolver)


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "animatediff",
        options=AnimateDiffOptions,
        factory=animatediff,
        summary="AnimateDiff: a Stable Diffusion 1.5 checkpoint with a motion adapter and LoRAs, from folders or the hub.",
    )


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("UNetMotionModel", family="vstar_sdk.models.animatediff.family:UNET_MOTION")
