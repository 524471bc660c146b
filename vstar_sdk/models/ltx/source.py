"""``ltx``: LTX-Video text to video. No torch.

The denoiser is diffusers' ``LTXVideoTransformer3DModel``, a stack of equal blocks: ``attn1`` attends over all tokens of the clip,
the positions of every latent frame in their order, and ``attn2`` from these to the text. Its positions in time are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.clock import Rhythm
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.diffusers.ltx_configs import check_token_channels
from vstar_sdk.models.diffusers.pipeline_source import PipelineSource, check_class, of_this_family
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.ltx.options import LTXOptions
from vstar_sdk.models.ltx.sites import ltx_sites, ltx_text_sites
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION

if TYPE_CHECKING:
    from vstar_sdk.models.estimates import Estimate, Workload
    from vstar_sdk.models.ltx.adapter import LTXAdapter

NEGATIVE_PROMPT = "worst quality, inconsistent motion, blurry, jittery, distorted"
"""The one of its authors' examples."""


@dataclass(frozen=True)
class LTXSource(PipelineSource[LTXOptions]):
    """An LTX model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`."""

    modules = ("vstar_sdk.models.ltx.adapter",)

    def facts(self) -> Facts:
        """See `PipelineSource.facts`."""
        directory = self.find(CONFIGURATION)
        vae, network = read_config(directory, "vae/config.json"), read_config(directory, "transformer/config.json")
        with of_this_family(directory):
            frames, pixels = _compression(vae)
            sites = ltx_sites(network, frames / self.options.frame_rate)
            check_class(network, "transformer", "LTXVideoTransformer3DModel")
            check_class(vae, "vae", "AutoencoderKLLTXVideo")
            check_token_channels(network, vae)
        return Facts(
            name="LTX-Video",
            sites=sites,
            encodes=True,
            trained=("first",),
            states=self.options.states,
            text_sites=ltx_text_sites(network),
            frames=161,
            width=704,
            height=512,
            size_multiple=pixels * network.get("patch_size", 1),
            rhythm=Rhythm.causal(frames),
            fps=self.options.frame_rate,
            steps=50,
            guidance=3.0,
            eta=0.0,
            scheduler="flow-euler",
            negative_prompt=NEGATIVE_PROMPT,
            scheduler_config=flow_config(read_config(directory, "scheduler/scheduler_config.json"), self.options.flow_shift),
        )

    def load(self, device: str, dtype: str) -> LTXAdapter:
        """See `PipelineSource.load`."""
        from vstar_sdk.models.ltx.adapter import load

        return load(self.find(self.weights), self.facts(), self.options, device, dtype, self.loras())

    def count(self, directory: Path, workload: Workload) -> Estimate:
        """See `PipelineSource.count`."""
        from vstar_sdk.models.ltx.estimate import estimate

        return estimate(directory, workload)


def _compression(vae: Mapping[str, Any]) -> tuple[int, int]:
    """Frames and pixels of a side to a latent, as the VAE computes them from its configuration."""
    halved = 2 ** sum(vae.get("spatio_temporal_scaling", (True, True, True, False)))
    frames = vae.get("temporal_compression_ratio") or vae.get("patch_size_t", 1) * halved
    pixels = vae.get("spatial_compression_ratio") or vae.get("patch_size", 4) * halved
    return frames, pixels


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "ltx",
        options=LTXOptions,
        factory=LTXSource,
        summary="LTX-Video text to video, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("LTXVideoTransformer3DModel", family="vstar_sdk.models.ltx.family:LTX")
