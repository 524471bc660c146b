"""``animatediff``: a Stable Diffusion 1.5 checkpoint, a motion adapter that makes it move, and LoRAs. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from vstar_sdk.errors import ModelError
from vstar_sdk.models.animatediff.sites import motion_config, unet_motion_sites
from vstar_sdk.models.counting import counted_once
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.loras import LoraOptions, find_lora, need_peft
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.options import ModelReference
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION, UNET_WEIGHTS, Commit, find_model

if TYPE_CHECKING:
    from vstar_sdk.models.animatediff.adapter import UNetMotionAdapter
    from vstar_sdk.models.estimates import Estimate, Workload

ADAPTER_WEIGHTS = ("config.json", "diffusion_pytorch_model.safetensors")
"""Patterns of the motion adapter's files."""


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
        need_peft(self.options.loras)
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
        loras = [(find_lora(one, self.resolver), one.weight) for one in self.options.loras]
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


def motion_schedule(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of the noise that motion adapters were trained with, which is not that of the checkpoint.

    Args:
        config: the checkpoint's ``scheduler_config.json``.
    """
    return {**config, "beta_schedule": "linear", "clip_sample": False, "timestep_spacing": "linspace", "steps_offset": 1}


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
