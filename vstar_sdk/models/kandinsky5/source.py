"""``kandinsky5``: Kandinsky 5 text-to-video. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.diffusers.pipeline_source import PipelineSource, check_class, of_this_family
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.kandinsky5.options import Kandinsky5Options
from vstar_sdk.models.kandinsky5.sites import POSITIONS, kandinsky5_sites, kandinsky5_text_sites
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION

if TYPE_CHECKING:
    from vstar_sdk.models.estimates import Estimate, Workload
    from vstar_sdk.models.kandinsky5.adapter import Kandinsky5Adapter

NEGATIVE_PROMPT = (
    "Static, 2D cartoon, cartoon, 2d animation, paintings, images, worst quality, low quality, ugly, deformed, walking backwards"
)
"""The one of its pipeline."""


@dataclass(frozen=True)
class Kandinsky5Source(PipelineSource[Kandinsky5Options]):
    """A Kandinsky 5 model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`."""

    modules = ("vstar_sdk.models.kandinsky5.adapter",)
    counted = (*PipelineSource.counted, "text_encoder_2/config.json")

    def facts(self) -> Facts:
        """See `PipelineSource.facts`."""
        directory = self.find(CONFIGURATION)
        network, vae = read_config(directory, "transformer/config.json"), read_config(directory, "vae/config.json")
        index = read_config(directory, "model_index.json")
        with of_this_family(directory):
            sites, text_sites = kandinsky5_sites(network), kandinsky5_text_sites(network)
            check_class(index, "pipeline", "Kandinsky5T2VPipeline")
            check_class(network, "transformer", "Kandinsky5Transformer3DModel")
            check_class(vae, "vae", "AutoencoderKLHunyuanVideo")
            _check_channels(network, vae)
        frames = int(vae.get("temporal_compression_ratio", 4))
        return Facts(
            name="Kandinsky 5",
            sites=sites,
            text_sites=text_sites,
            encodes=True,
            frames=121,
            width=768,
            height=512,
            size_multiple=int(vae.get("spatial_compression_ratio", 8)) * max(network["patch_size"][1:]),
            rhythm=Rhythm.causal(frames),
            max_frames=1 + (POSITIONS - 1) * frames,
            fps=24.0,
            steps=50,
            guidance=5.0,
            eta=0.0,
            scheduler="flow-euler",
            negative_prompt=NEGATIVE_PROMPT,
            scheduler_config=flow_config(read_config(directory, "scheduler/scheduler_config.json"), self.options.flow_shift),
        )

    def load(self, device: str, dtype: str) -> Kandinsky5Adapter:
        """See `PipelineSource.load`."""
        from vstar_sdk.models.kandinsky5.adapter import load

        return load(self.find(self.weights), self.facts(), self.options, device, dtype, self.loras())

    def count(self, directory: Path, workload: Workload) -> Estimate:
        """See `PipelineSource.count`."""
        from vstar_sdk.models.kandinsky5.estimate import estimate

        return estimate(directory, workload)


def _check_channels(network: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """Be sure that a network makes the VAE's latents.

    Raises:
        ModelError: it does not.
    """
    channels, latent = network.get("in_visual_dim", 4), vae.get("latent_channels", 16)
    if channels != latent:
        raise ModelError(f"its transformer takes {channels} channels, and the latents have {latent}")


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "kandinsky5",
        options=Kandinsky5Options,
        factory=Kandinsky5Source,
        summary="Kandinsky 5 text to video, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("Kandinsky5Transformer3DModel", family="vstar_sdk.models.kandinsky5.family:KANDINSKY5")
