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
from vstar_sdk.models.contract import Facts
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.ltx2.options import LTX2Options
from vstar_sdk.models.ltx2.sites import ltx2_sites
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION, WEIGHTS, find_model

if TYPE_CHECKING:
    from vstar_sdk.models.estimates import Estimate, Workload
    from vstar_sdk.models.ltx2.adapter import LTX2Adapter

NEGATIVE_PROMPT = "worst quality, inconsistent motion, blurry, jittery, distorted"
"""The one of its pipeline's example."""

_TEXT_ENCODERS = ("Gemma3ForConditionalGeneration", "Gemma4UnifiedForConditionalGeneration")


@dataclass(frozen=True)
class LTX2Source:
    """An LTX-2 model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`.

    Attributes:
        options: which model, and how it runs.
        resolver: finds a hub id.
    """

    options: LTX2Options
    resolver: Resolver

    def facts(self) -> Facts:
        """Read the configuration files, of a hub id after fetching them.

        Raises:
            ModelError: one is missing, damaged or of another family.
        """
        directory = self._find(CONFIGURATION)
        vae, network = read_config(directory, "vae/config.json"), read_config(directory, "transformer/config.json")
        try:
            sites = ltx2_sites(network)
            _check_classes(network, vae)
            _text_encoder(directory)
        except ModelError as error:
            hint = "this is a model of another family, or one that is not for text to video"
            raise ModelError(f"{directory}: {error}", hint=hint) from None
        return Facts(
            name="LTX-2",
            sites=sites,
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
        """Load the weights.

        Args:
            device: a torch device.
            dtype: ``float32``, ``float16`` or ``bfloat16``.

        Raises:
            ModelError: a file is missing or damaged, or does not match its configuration.
        """
        from vstar_sdk.models.ltx2.adapter import load

        directory = self._find(WEIGHTS)
        return load(directory, self.facts(), self.options, _text_encoder(directory), device, dtype)

    def estimate(self, workload: Workload) -> Estimate:
        """Count what a workload takes, without the weights.

        Raises:
            ModelError: a configuration is missing or of another family.
        """
        from vstar_sdk.models.ltx2.estimate import estimate

        directory = self._find(CONFIGURATION)
        return estimate(directory, _text_encoder(directory), workload)

    def _find(self, patterns: tuple[str, ...]) -> Path:
        return find_model(self.options.path, self.options.revision, self.resolver, patterns)


def _check_classes(network: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """Be sure that the network makes the decoder's latents."""
    for part, config, kind in (
        ("transformer", network, "LTX2VideoTransformer3DModel"),
        ("vae", vae, "AutoencoderKLLTX2Video"),
    ):
        if (given := config.get("_class_name", kind)) != kind:
            raise ModelError(f"its {part} is a {given}")
    channels, latent = network.get("in_channels", 128), vae.get("latent_channels", 128) * network.get("patch_size", 1) ** 2
    if channels != latent:
        raise ModelError(f"its transformer takes {channels} channels where a token of the latents has {latent}")


def _text_encoder(directory: Path) -> str:
    """The class of a directory's text encoder."""
    named = (read_config(directory, "model_index.json").get("text_encoder") or [None, None])[1]
    if named not in _TEXT_ENCODERS:
        raise ModelError(f"its text encoder is a {named}, not a {' or a '.join(_TEXT_ENCODERS)}")
    return str(named)


def ltx2(options: LTX2Options, *, resolver: Resolver | None = None) -> LTX2Source:
    """An LTX-2 model."""
    return LTX2Source(options, resolver or Resolver())


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "ltx2",
        options=LTX2Options,
        factory=ltx2,
        summary="LTX-2 text to video without its sound, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("LTX2VideoTransformer3DModel", family="vstar_sdk.models.ltx2.family:LTX2")
