"""``cogvideox``: CogVideoX, text and image to video, the first model whose text and frames share one attention. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import ModelError
from vstar_sdk.models.cogvideox.options import CogVideoXOptions
from vstar_sdk.models.cogvideox.sites import cogvideox_sites, cogvideox_text_sites
from vstar_sdk.models.diffusers.pipeline_source import PipelineSource, check_class, of_this_family
from vstar_sdk.models.diffusers.scheduler_classes import Known
from vstar_sdk.models.diffusers.scheduler_source import offer
from vstar_sdk.models.facts import Facts
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION

if TYPE_CHECKING:
    from vstar_sdk.models.cogvideox.adapter import CogVideoXAdapter
    from vstar_sdk.models.estimates import Estimate, Workload

_OURS = "vstar_sdk.models.cogvideox.schedulers"
SCHEDULERS = {
    "cogvideox-ddim": Known(
        "CogVideoXDDIMScheduler",
        "DDIM for models with a shifted signal-to-noise ratio (CogVideoX).",
        ours=f"{_OURS}:CogVideoXDDIM",
    ),
    "cogvideox-dpm": Known(
        "CogVideoXDPMScheduler",
        "DPM-Solver++ for models with a shifted signal-to-noise ratio (CogVideoX).",
        ours=f"{_OURS}:CogVideoXDPM",
    ),
}


@dataclass(frozen=True)
class CogVideoXSource(PipelineSource[CogVideoXOptions]):
    """A CogVideoX model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`."""

    modules = ("vstar_sdk.models.cogvideox.adapter",)

    def facts(self) -> Facts:
        """See `PipelineSource.facts`."""
        directory = self.find(CONFIGURATION)
        network, vae = read_config(directory, "transformer/config.json"), read_config(directory, "vae/config.json")
        scheduler = read_config(directory, "scheduler/scheduler_config.json")
        with of_this_family(directory):
            sites = cogvideox_sites(network)
            pictured = _reads_picture(network, vae)
            pixels = 2 ** (len(vae["block_out_channels"]) - 1)
            width, height = network["sample_width"] * pixels, network["sample_height"] * pixels
            rotary = network.get("use_rotary_positional_embeddings", False)
        first = ("first",) if pictured else ()
        return Facts(
            name=f"CogVideoX {'5B' if rotary else '2B'}{' I2V' if pictured else ''}",
            sites=sites,
            encodes=True,
            trained=first,
            needs=first,
            fixed_size=bool(network.get("use_learned_positional_embeddings")),
            # Learned positions are for the tokens of one text.
            text_sites=() if network.get("use_learned_positional_embeddings") else cogvideox_text_sites(network),
            frames=network.get("sample_frames", 49),
            width=width,
            height=height,
            size_multiple=pixels * network.get("patch_size", 2),
            rhythm=Rhythm.causal(int(vae.get("temporal_compression_ratio", 4))),
            fps=8.0,
            steps=50,
            guidance=6.0,
            eta=0.0,
            scheduler="cogvideox-dpm" if scheduler.get("_class_name") == "CogVideoXDPMScheduler" else "cogvideox-ddim",
            scheduler_config=scheduler,
            one_text=True,
        )

    def load(self, device: str, dtype: str) -> CogVideoXAdapter:
        """See `PipelineSource.load`."""
        from vstar_sdk.models.cogvideox.adapter import load

        return load(self.find(self.weights), self.facts(), self.options, device, dtype, self.loras())

    def count(self, directory: Path, workload: Workload) -> Estimate:
        """See `PipelineSource.count`."""
        from vstar_sdk.models.cogvideox.estimate import estimate

        return estimate(directory, workload)


def _reads_picture(network: Mapping[str, Any], vae: Mapping[str, Any]) -> bool:
    """Whether a network reads a picture beside its latents.

    Raises:
        ModelError: it wants something else.
    """
    check_class(network, "transformer", "CogVideoXTransformer3DModel")
    channels, latent = network.get("in_channels", 16), vae.get("latent_channels", 16)
    if channels not in (latent, 2 * latent):
        raise ModelError(f"its transformer takes {channels} channels, not the {latent} of the latents or twice so many")
    if network.get("use_learned_positional_embeddings") and channels == latent:
        raise ModelError("its positions are learned for one picture size, as in image-to-video models")
    return channels != latent


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "cogvideox",
        options=CogVideoXOptions,
        factory=CogVideoXSource,
        summary="CogVideoX 2B and 5B text and image to video, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_schedulers(register: Register) -> None:
    """Offer the schedulers."""
    offer(register, SCHEDULERS)


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("CogVideoXTransformer3DModel", family="vstar_sdk.models.cogvideox.family:COGVIDEOX")
