"""``mochi``: Mochi 1 text-to-video; text and frames share one attention. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.diffusers.pipeline_source import PipelineSource, check_class, of_this_family
from vstar_sdk.models.diffusers.scheduler_classes import Known
from vstar_sdk.models.diffusers.scheduler_source import offer
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.mochi.options import MochiOptions
from vstar_sdk.models.mochi.sites import mochi_sites
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION

if TYPE_CHECKING:
    from vstar_sdk.models.estimates import Estimate, Workload
    from vstar_sdk.models.mochi.adapter import MochiAdapter

SCHEDULERS = {
    "flow-linear-quadratic": Known(
        "FlowMatchLinearQuadraticScheduler",
        "The same over noise levels that fall slowly at first (Mochi).",
        ours="vstar_sdk.models.mochi.schedulers:FlowMatchLinearQuadraticScheduler",
    )
}


@dataclass(frozen=True)
class MochiSource(PipelineSource[MochiOptions]):
    """A Mochi model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`."""

    modules = ("vstar_sdk.models.mochi.adapter",)

    def facts(self) -> Facts:
        """See `PipelineSource.facts`."""
        directory = self.find(CONFIGURATION)
        network, vae = read_config(directory, "transformer/config.json"), read_config(directory, "vae/config.json")
        with of_this_family(directory):
            sites = mochi_sites(network)
            check_class(network, "transformer", "MochiTransformer3DModel")
            check_class(vae, "vae", "AutoencoderKLMochi")
            channels, latent = network.get("in_channels", 12), vae.get("latent_channels", 12)
            if channels != latent:
                raise ModelError(f"its transformer takes {channels} channels, and the latents have {latent}")
        return Facts(
            name="Mochi",
            sites=sites,
            encodes=True,
            frames=163,
            width=848,
            height=480,
            size_multiple=prod(vae.get("spatial_expansions", (2, 2, 2))) * int(network.get("patch_size", 2)),
            rhythm=Rhythm.causal(prod(vae.get("temporal_expansions", (1, 2, 3)))),
            fps=30.0,
            steps=64,
            guidance=4.5,
            eta=0.0,
            scheduler="flow-linear-quadratic",
            scheduler_config=flow_config(read_config(directory, "scheduler/scheduler_config.json"), None),
            one_text=True,
        )

    def load(self, device: str, dtype: str) -> MochiAdapter:
        """See `PipelineSource.load`."""
        from vstar_sdk.models.mochi.adapter import load

        return load(self.find(self.weights), self.facts(), self.options, device, dtype, self.loras())

    def count(self, directory: Path, workload: Workload) -> Estimate:
        """See `PipelineSource.count`."""
        from vstar_sdk.models.mochi.estimate import estimate

        return estimate(directory, workload)


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "mochi",
        options=MochiOptions,
        factory=MochiSource,
        summary="Mochi 1 text to video, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_schedulers(register: Register) -> None:
    """Offer the scheduler."""
    offer(register, SCHEDULERS)


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("MochiTransformer3DModel", family="vstar_sdk.models.mochi.family:MOCHI")
