"""``cogvideox``: CogVideoX text-to-video, the first model whose text and frames share one attention. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import ModelError
from vstar_sdk.models.cogvideox.options import CogVideoXOptions
from vstar_sdk.models.cogvideox.sites import cogvideox_sites
from vstar_sdk.models.contract import Facts
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION, find_model

if TYPE_CHECKING:
    from vstar_sdk.models.cogvideox.adapter import CogVideoXAdapter
    from vstar_sdk.models.estimates import Estimate, Workload

WEIGHTS = ("*.json", "*.safetensors", "tokenizer/*")
"""Patterns of the files that it is loaded from: the vocabulary of T5 is no text file."""


@dataclass(frozen=True)
class CogVideoXSource:
    """A CogVideoX model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`.

    Attributes:
        options: which model, and how it runs.
        resolver: finds a hub id.
    """

    options: CogVideoXOptions
    resolver: Resolver

    def facts(self) -> Facts:
        """Read the configuration files, of a hub id after fetching them.

        Raises:
            ModelError: one is missing, damaged or of another family.
        """
        directory = self._find(CONFIGURATION)
        network, vae = read_config(directory, "transformer/config.json"), read_config(directory, "vae/config.json")
        scheduler = read_config(directory, "scheduler/scheduler_config.json")
        try:
            sites = cogvideox_sites(network)
            _check_text_to_video(network, vae)
            pixels = 2 ** (len(vae["block_out_channels"]) - 1)
            width, height = network["sample_width"] * pixels, network["sample_height"] * pixels
            rotary = network.get("use_rotary_positional_embeddings", False)
        except (ModelError, KeyError) as error:
            hint = "this is a model of another family, or one that is not for text to video"
            raise ModelError(f"{directory}: {error}", hint=hint) from None
        return Facts(
            name="CogVideoX 5B" if rotary else "CogVideoX 2B",
            sites=sites,
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
        """Load the weights.

        Args:
            device: a torch device.
            dtype: ``float32``, ``float16`` or ``bfloat16``.

        Raises:
            ModelError: a file is missing or damaged, or does not match its configuration.
        """
        from vstar_sdk.models.cogvideox.adapter import load

        return load(self._find(WEIGHTS), self.facts(), self.options, device, dtype)

    def estimate(self, workload: Workload) -> Estimate:
        """Count what a workload takes, without the weights.

        Raises:
            ModelError: a configuration is missing or of another family.
        """
        from vstar_sdk.models.cogvideox.estimate import estimate

        return estimate(self._find(CONFIGURATION), workload)

    def _find(self, patterns: tuple[str, ...]) -> Path:
        return find_model(self.options.path, self.options.revision, self.resolver, patterns)


def _check_text_to_video(network: dict[str, object], vae: dict[str, object]) -> None:
    """Refuse a network that wants more than text.

    Raises:
        ModelError: it does.
    """
    kind = network.get("_class_name", "CogVideoXTransformer3DModel")
    if kind != "CogVideoXTransformer3DModel":
        raise ModelError(f"its transformer is a {kind}")
    channels, latent = network.get("in_channels", 16), vae.get("latent_channels", 16)
    if channels != latent:
        raise ModelError(f"its transformer takes {channels} channels and the latents have {latent}: it wants a picture or video")
    if network.get("use_learned_positional_embeddings"):
        raise ModelError("its positions are learned for one size of picture, as those of image-to-video models are")


def cogvideox(options: CogVideoXOptions, *, resolver: Resolver | None = None) -> CogVideoXSource:
    """A CogVideoX model."""
    return CogVideoXSource(options, resolver or Resolver())


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "cogvideox",
        options=CogVideoXOptions,
        factory=cogvideox,
        summary="CogVideoX 2B and 5B text to video, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("CogVideoXTransformer3DModel", family="vstar_sdk.models.cogvideox.family:COGVIDEOX")
