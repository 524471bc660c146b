"""The UNet3D family (ModelScope, ZeroScope, VideoCrafter2, miniworld): what its configuration files say. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from vstar_sdk.errors import ModelError
from vstar_sdk.models.counting import counted_once
from vstar_sdk.models.facts import Facts, Preset
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.unet3d.sites import unet3d_sites
from vstar_sdk.parts import RegisterFamily, hookimpl
from vstar_sdk.weights.directory import read_config

if TYPE_CHECKING:
    from vstar_sdk.models.diffusers.framewise_adapter import FramewiseAdapter
    from vstar_sdk.models.estimates import Estimate, Workload


@dataclass(frozen=True, kw_only=True)
class UNet3DSource:
    """A model of the family in a local directory in diffusers format; a `vstar_sdk.models.contract.ModelSource`.

    The directory says what the model is; the rest, which no file of it says, stands here.

    Attributes:
        directory: with ``unet``, ``vae``, ``text_encoder``, ``tokenizer`` and ``scheduler``.
        name: as people know it.
        frames: default clip length.
        fps: frames a second that it was trained on.
        steps: default number of denoising steps.
        guidance: default classifier-free guidance scale.
        eta: default DDIM eta.
        size: width and height in pixels; None for the square that the network's ``sample_size`` means.
        lengths: the shortest and the longest clip that come out well; None for what `Facts` says.
        max_frames: the most frames that it can make at once, or None.
        scheduler: default scheduler, by the names of `vstar_sdk.sampling.schedulers`.
        presets: see `Facts`.
        negative_prompt: used when nothing else gives one.
        vocabulary: the words that it was trained with; None for a model of ordinary language.
        options: memory and speed.
        modules: what loading imports.
    """

    modules: ClassVar[tuple[str, ...]] = ("vstar_sdk.models.unet3d.adapter",)

    directory: Path
    name: str
    frames: int
    fps: float
    steps: int
    guidance: float
    eta: float = 0.0
    size: tuple[int, int] | None = None
    lengths: tuple[int, int] | None = None
    max_frames: int | None = None
    scheduler: str = "ddim"
    presets: Mapping[str, Preset] = field(default_factory=dict[str, Preset])
    negative_prompt: str = ""
    vocabulary: frozenset[str] | None = None
    options: FramewiseOptions = field(default_factory=FramewiseOptions)

    def facts(self) -> Facts:
        """Read the configuration files.

        Raises:
            ModelError: one is missing, damaged or of another family.
        """
        unet, vae = read_config(self.directory, "unet/config.json"), read_config(self.directory, "vae/config.json")
        try:
            sites = unet3d_sites(unet)
            factor = 2 ** (len(vae["block_out_channels"]) - 1)
            width, height = self.size or _own_size(unet, factor)
        except (ModelError, KeyError) as error:
            raise ModelError(f"{self.directory}: {error}", hint="this is a model of another family, or a damaged one") from None
        return Facts(
            name=self.name,
            sites=sites,
            encodes=True,
            frames=self.frames,
            width=width,
            height=height,
            size_multiple=factor * 2 ** (len(unet["block_out_channels"]) - 1),
            lengths=self.lengths,
            max_frames=self.max_frames,
            fps=self.fps,
            steps=self.steps,
            guidance=self.guidance,
            eta=self.eta,
            scheduler=self.scheduler,
            presets=self.presets,
            negative_prompt=self.negative_prompt,
            vocabulary=self.vocabulary,
            scheduler_config=read_config(self.directory, "scheduler/scheduler_config.json"),
        )

    def load(self, device: str, dtype: str) -> FramewiseAdapter:
        """Load the weights.

        Args:
            device: a torch device.
            dtype: ``float32``, ``float16`` or ``bfloat16``.

        Raises:
            ModelError: a file is missing or damaged, or does not match its configuration.
        """
        from vstar_sdk.models.unet3d.adapter import load

        return load(self.directory, self.facts(), device, dtype, self.options)

    def estimate(self, workload: Workload) -> Estimate:
        """What a run will take, counted on the networks of the configuration without their weights.

        Raises:
            ModelError: a configuration is missing or damaged.
        """
        files = [self.directory / component / "config.json" for component in ("unet", "vae", "text_encoder")]
        return counted_once(files, workload, self.options, partial(self._count, workload), weights=self.directory / "unet")

    def _count(self, workload: Workload) -> Estimate:
        from vstar_sdk.models.unet3d.estimate import estimate

        return estimate(self.directory, workload, self.options)


def _own_size(unet: Mapping[str, Any], factor: int) -> Sequence[int]:
    """Width and height in pixels, from the network's latent ``sample_size`` (a number, or height and width)."""
    sample = unet.get("sample_size")
    if sample is None:
        raise ModelError("its network's configuration has no sample_size, so its picture size must be given")
    height, width = (sample, sample) if isinstance(sample, int) else sample
    return width * factor, height * factor


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("UNet3DConditionModel", family="vstar_sdk.models.unet3d.family:UNET3D")
