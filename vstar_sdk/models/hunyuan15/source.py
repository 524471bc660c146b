"""``hunyuan15``: HunyuanVideo 1.5, text and image to video; text and frames share one attention. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.diffusers.pipeline_source import PipelineSource, check_class, of_this_family
from vstar_sdk.models.diffusers.scheduler_classes import Known
from vstar_sdk.models.diffusers.scheduler_source import offer
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.hunyuan15.options import Hunyuan15Options
from vstar_sdk.models.hunyuan15.sites import hunyuan15_sites, hunyuan15_text_sites
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION

if TYPE_CHECKING:
    from vstar_sdk.models.estimates import Estimate, Workload
    from vstar_sdk.models.hunyuan15.adapter import Hunyuan15Adapter

SCHEDULERS = {
    "flow-euler-even": Known(
        "FlowMatchEvenEulerScheduler",
        "The same over evenly spread noise levels (HunyuanVideo).",
        ours="vstar_sdk.models.hunyuan15.even_flow:FlowMatchEvenEulerScheduler",
    )
}


@dataclass(frozen=True)
class Hunyuan15Source(PipelineSource[Hunyuan15Options]):
    """A HunyuanVideo 1.5 model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`."""

    modules = ("vstar_sdk.models.hunyuan15.adapter",)
    counted = (*PipelineSource.counted, "text_encoder_2/config.json")

    def facts(self) -> Facts:
        """See `PipelineSource.facts`."""
        directory = self.find(CONFIGURATION)
        network, vae = read_config(directory, "transformer/config.json"), read_config(directory, "vae/config.json")
        guider = directory / "guider" / "guider_config.json"
        guidance = read_config(directory, "guider/guider_config.json").get("guidance_scale", 6.0) if guider.exists() else 6.0
        with of_this_family(directory):
            sites = hunyuan15_sites(network)
            first = ("first",) if _reads_picture(network, vae) else ()
            pixels = int(vae.get("spatial_compression_ratio", 16))
        width, height = widescreen(int(network.get("target_size", 640)), pixels)
        return Facts(
            name=f"HunyuanVideo 1.5{' I2V' if first else ''}",
            sites=sites,
            encodes=True,
            trained=first,
            needs=first,
            text_sites=hunyuan15_text_sites(network),
            frames=121,
            width=width,
            height=height,
            size_multiple=pixels * int(network.get("patch_size", 1)),
            rhythm=Rhythm.causal(int(vae.get("temporal_compression_ratio", 4))),
            fps=24.0,
            steps=50,
            guidance=float(guidance),
            eta=0.0,
            scheduler="flow-euler-even",
            scheduler_config=flow_config(read_config(directory, "scheduler/scheduler_config.json"), self.options.flow_shift),
            one_text=True,
        )

    def load(self, device: str, dtype: str) -> Hunyuan15Adapter:
        """See `PipelineSource.load`."""
        from vstar_sdk.models.hunyuan15.adapter import load

        return load(self.find(self.weights), self.facts(), self.options, device, dtype)

    def count(self, directory: Path, workload: Workload) -> Estimate:
        """See `PipelineSource.count`."""
        from vstar_sdk.models.hunyuan15.estimate import estimate

        return estimate(directory, workload)


def widescreen(target: int, multiple: int) -> tuple[int, int]:
    """The picture nearest to 16:9 among those of at most ``target`` squared pixels, as its pipeline chooses it.

    Args:
        target: side of a square of that many pixels.
        multiple: sides are multiples of it.

    Returns:
        Width and height.
    """
    heights = range(multiple, target + 1, multiple)
    sizes = [(target**2 // height // multiple * multiple, height) for height in heights]
    return min(sizes, key=lambda size: abs(size[0] / size[1] - 16 / 9), default=(multiple, multiple))


def _reads_picture(network: Mapping[str, Any], vae: Mapping[str, Any]) -> bool:
    """Whether a network makes a video from a picture.

    Raises:
        ModelError: it wants something else.
    """
    check_class(network, "transformer", "HunyuanVideo15Transformer3DModel")
    if (task := network.get("task_type", "i2v")) not in ("t2v", "i2v"):
        raise ModelError(f"its task is {task}")
    if network.get("use_meanflow"):
        raise ModelError("its network is told the next step as well as its own (mean flow), as distilled models are")
    channels, latent = network.get("in_channels", 65), vae.get("latent_channels", 32)
    if channels != 2 * latent + 1:
        raise ModelError(f"its transformer takes {channels} channels; expected are twice the {latent} of the latents and a mask")
    return task == "i2v"


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "hunyuan15",
        options=Hunyuan15Options,
        factory=Hunyuan15Source,
        summary="HunyuanVideo 1.5 text and image to video, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_schedulers(register: Register) -> None:
    """Offer the scheduler."""
    offer(register, SCHEDULERS)


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("HunyuanVideo15Transformer3DModel", family="vstar_sdk.models.hunyuan15.family:HUNYUAN15")
