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
from vstar_sdk.errors import ModelError
from vstar_sdk.models.contract import Facts
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.ltx.options import LTXOptions
from vstar_sdk.models.ltx.sites import ltx_sites
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION, WEIGHTS, find_model

if TYPE_CHECKING:
    from vstar_sdk.models.estimates import Estimate, Workload
    from vstar_sdk.models.ltx.adapter import LTXAdapter

NEGATIVE_PROMPT = "worst quality, inconsistent motion, blurry, jittery, distorted"
"""The one of its authors' examples."""


@dataclass(frozen=True)
class LTXSource:
    """An LTX model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`.

    Attributes:
        options: which model, and how it runs.
        resolver: finds a hub id.
    """

    options: LTXOptions
    resolver: Resolver

    def facts(self) -> Facts:
        """Read the configuration files, of a hub id after fetching them.

        Raises:
            ModelError: one is missing, damaged or of another family.
        """
        directory = self._find(CONFIGURATION)
        vae, network = read_config(directory, "vae/config.json"), read_config(directory, "transformer/config.json")
        try:
            sites = ltx_sites(network)
            _check_classes(network, vae)
        except ModelError as error:
            hint = "this is a model of another family, or one that is not for text to video"
            raise ModelError(f"{directory}: {error}", hint=hint) from None
        frames, pixels = _compression(vae)
        return Facts(
            name="LTX-Video",
            sites=sites,
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
        """Load the weights.

        Args:
            device: a torch device.
            dtype: ``float32``, ``float16`` or ``bfloat16``.

        Raises:
            ModelError: a file is missing or damaged, or does not match its configuration.
        """
        from vstar_sdk.models.ltx.adapter import load

        return load(self._find(WEIGHTS), self.facts(), self.options, device, dtype)

    def estimate(self, workload: Workload) -> Estimate:
        """Count what a workload takes, without the weights.

        Raises:
            ModelError: a configuration is missing or of another family.
        """
        from vstar_sdk.models.ltx.estimate import estimate

        return estimate(self._find(CONFIGURATION), workload)

    def _find(self, patterns: tuple[str, ...]) -> Path:
        return find_model(self.options.path, self.options.revision, self.resolver, patterns)


def _check_classes(network: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """Be sure that the network makes the decoder's latents."""
    for part, config, kind in (
        ("transformer", network, "LTXVideoTransformer3DModel"),
        ("vae", vae, "AutoencoderKLLTXVideo"),
    ):
        if (given := config.get("_class_name", kind)) != kind:
            raise ModelError(f"its {part} is a {given}")
    channels, latent = network.get("in_channels", 128), vae.get("latent_channels", 128) * network.get("patch_size", 1) ** 2
    if channels != latent:
        raise ModelError(f"its transformer takes {channels} channels where a token of the latents has {latent}")


def _compression(vae: Mapping[str, Any]) -> tuple[int, int]:
    """Frames and pixels of a side to a latent, as the VAE computes them from its configuration."""
    halved = 2 ** sum(vae.get("spatio_temporal_scaling", (True, True, True, False)))
    frames = vae.get("temporal_compression_ratio") or vae.get("patch_size_t", 1) * halved
    pixels = vae.get("spatial_compression_ratio") or vae.get("patch_size", 4) * halved
    return frames, pixels


def ltx(options: LTXOptions, *, resolver: Resolver | None = None) -> LTXSource:
    """An LTX model."""
    return LTXSource(options, resolver or Resolver())


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "ltx",
        options=LTXOptions,
        factory=ltx,
        summary="LTX-Video text to video, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("LTXVideoTransformer3DModel", family="vstar_sdk.models.ltx.family:LTX")
