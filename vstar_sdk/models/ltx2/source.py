"""``ltx2``: LTX-2 text to video, without its sound. No torch.

The denoiser is diffusers' ``LTX2VideoTransformer3DModel``, which makes video and sound together; a run has it make the video
alone, with the attentions between the two left out. ``attach`` nurses the whole model, sound included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.diffusers.ltx_configs import check_token_channels
from vstar_sdk.models.diffusers.pipeline_source import PipelineSource, check_class, of_this_family
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.ltx2.options import LTX2Options
from vstar_sdk.models.ltx2.sites import ltx2_sites, ltx2_text_sites
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION

if TYPE_CHECKING:
    from vstar_sdk.models.estimates import Estimate, Workload
    from vstar_sdk.models.ltx2.adapter import LTX2Adapter

NEGATIVE_PROMPT = "worst quality, inconsistent motion, blurry, jittery, distorted"
"""The one of its pipeline's example."""

_TEXT_ENCODERS = ("Gemma3ForConditionalGeneration", "Gemma4UnifiedForConditionalGeneration")


@dataclass(frozen=True)
class LTX2Source(PipelineSource[LTX2Options]):
    """An LTX-2 model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`."""

    modules = ("vstar_sdk.models.ltx2.adapter",)
    counted = ("model_index.json", "connectors/config.json", *PipelineSource.counted)

    def facts(self) -> Facts:
        """See `PipelineSource.facts`."""
        directory = self.find(CONFIGURATION)
        index = read_config(directory, "model_index.json")
        vae, network = read_config(directory, "vae/config.json"), read_config(directory, "transformer/config.json")
        with of_this_family(directory):
            sites = ltx2_sites(network)
            check_class(network, "transformer", "LTX2VideoTransformer3DModel")
            check_class(vae, "vae", "AutoencoderKLLTX2Video")
            check_token_channels(network, vae)
            _text_encoder(index)
        return Facts(
            name="LTX-2",
            sites=sites,
            encodes=True,
            trained=("first",),
            text_sites=ltx2_text_sites(network),
            frames=121,
            width=768,
            height=512,
            size_multiple=(vae.get("spatial_compression_ratio") or 32) * network.get("patch_size", 1),
            rhythm=Rhythm.causal(vae.get("temporal_compression_ratio") or 8),
            fps=self.options.frame_rate,
            steps=30,
            guidance=3.0,
            eta=0.0,
            scheduler="flow-euler",
            negative_prompt=NEGATIVE_PROMPT,
            scheduler_config=flow_config(read_config(directory, "scheduler/scheduler_config.json"), self.options.flow_shift),
        )

    def load(self, device: str, dtype: str) -> LTX2Adapter:
        """See `PipelineSource.load`."""
        from vstar_sdk.models.ltx2.adapter import load

        directory = self.find(self.weights)
        encoder = _text_encoder(read_config(directory, "model_index.json"))
        return load(directory, self.facts(), self.options, encoder, device, dtype, self.loras())

    def count(self, directory: Path, workload: Workload) -> Estimate:
        """See `PipelineSource.count`."""
        from vstar_sdk.models.ltx2.estimate import estimate

        return estimate(directory, _text_encoder(read_config(directory, "model_index.json")), workload)


def _text_encoder(index: Mapping[str, Any]) -> str:
    """The class of a pipeline's text encoder."""
    named = (index.get("text_encoder") or [None, None])[1]
    if named not in _TEXT_ENCODERS:
        raise ModelError(f"its text encoder is a {named}, not a {' or a '.join(_TEXT_ENCODERS)}")
    return str(named)


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "ltx2",
        options=LTX2Options,
        factory=LTX2Source,
        summary="LTX-2 text to video without its sound, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("LTX2VideoTransformer3DModel", family="vstar_sdk.models.ltx2.family:LTX2")
