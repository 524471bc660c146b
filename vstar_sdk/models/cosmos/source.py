"""``cosmos``: Cosmos Predict 2.5, text to video. No torch."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import MissingDependency
from vstar_sdk.models.cosmos.options import CosmosOptions
from vstar_sdk.models.cosmos.sites import cosmos_sites, cosmos_text_sites
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.diffusers.pipeline_source import PipelineSource, check_class, of_this_family
from vstar_sdk.models.diffusers.scheduler_classes import Known
from vstar_sdk.models.diffusers.scheduler_source import offer
from vstar_sdk.models.facts import Facts
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION

if TYPE_CHECKING:
    from vstar_sdk.models.cosmos.adapter import CosmosAdapter
    from vstar_sdk.models.estimates import Estimate, Workload

NEGATIVE_PROMPT = (
    "The video captures a series of frames showing ugly scenes, static with no motion, motion blur, over-saturation, "
    "shaky footage, low resolution, grainy texture, pixelated images, poorly lit areas, underexposed and overexposed "
    "scenes, poor color balance, washed out colors, choppy sequences, jerky movements, low frame rate, artifacting, "
    "color banding, unnatural transitions, outdated special effects, fake elements, unconvincing visuals, poorly edited "
    "content, jump cuts, visual noise, and flickering. Overall, the video is of poor quality."
)
"""The one that the model's authors use where none is given."""

SCHEDULERS = {
    "flow-unipc": Known(
        "FlowUniPCMultistepScheduler",
        "UniPC for flow matching, whose timesteps are not rounded (Cosmos).",
        ours="vstar_sdk.models.cosmos.scheduler:FlowUniPCMultistepScheduler",
    )
}
_LEVELS = ("use_karras_sigmas", "sigma_max", "sigma_min", "final_sigmas_type")
"""What a scheduler's configuration says of noise levels."""
_PACKAGES = {"torchvision": "which its network calls", "cosmos_guardrail": "which its licence asks for"}


@dataclass(frozen=True)
class CosmosSource(PipelineSource[CosmosOptions]):
    """A Cosmos Predict 2.5 model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`."""

    modules = ("vstar_sdk.models.cosmos.adapter",)

    def facts(self) -> Facts:
        """See `PipelineSource.facts`."""
        directory = self.find(CONFIGURATION)
        network, vae = read_config(directory, "transformer/config.json"), read_config(directory, "vae/config.json")
        scheduler = read_config(directory, "scheduler/scheduler_config.json")
        with of_this_family(directory):
            sites, text_sites = cosmos_sites(network), cosmos_text_sites(network)
            check_class(read_config(directory, "model_index.json"), "pipeline", "Cosmos2_5_PredictBasePipeline")
            check_class(network, "transformer", "CosmosTransformer3DModel")
            check_class(vae, "vae", "AutoencoderKLWan")
            positions = max(size // patch for size, patch in zip(network["max_size"], network["patch_size"], strict=True))
        return Facts(
            name="Cosmos Predict 2.5",
            sites=sites,
            text_sites=text_sites,
            encodes=True,
            frames=93,
            width=1280,
            height=704,
            size_multiple=int(vae.get("scale_factor_spatial", 8)) * max(network["patch_size"][1:]),
            rhythm=Rhythm.causal(4),
            max_frames=1 + (positions - 1) * 4,
            fps=16.0,
            steps=36,
            guidance=8.0,  # its pipeline adds 7 times the difference to the prompt's prediction
            eta=0.0,
            scheduler="flow-unipc",
            negative_prompt=NEGATIVE_PROMPT,
            scheduler_config=flow_config(scheduler, None) | {key: scheduler[key] for key in _LEVELS if key in scheduler},
        )

    def load(self, device: str, dtype: str) -> CosmosAdapter:
        """See `PipelineSource.load`.

        Raises:
            MissingDependency: a package is not installed, such as the guardrail.
        """
        for package, why in _PACKAGES.items():
            if importlib.util.find_spec(package) is None:
                raise MissingDependency(f"cosmos needs the package '{package}', {why}", hint=f"pip install {package}")
        from vstar_sdk.models.cosmos.adapter import load

        return load(self.find(self.weights), self.facts(), self.options, device, dtype)

    def count(self, directory: Path, workload: Workload) -> Estimate:
        """See `PipelineSource.count`."""
        from vstar_sdk.models.cosmos.estimate import estimate

        return estimate(directory, workload)


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "cosmos",
        options=CosmosOptions,
        factory=CosmosSource,
        summary="Cosmos Predict 2.5 text to video, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_schedulers(register: Register) -> None:
    """Offer the scheduler."""
    offer(register, SCHEDULERS)


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("CosmosTransformer3DModel", family="vstar_sdk.models.cosmos.family:COSMOS")
