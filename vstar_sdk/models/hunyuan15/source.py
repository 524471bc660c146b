"""``hunyuan15``: HunyuanVideo 1.5 text-to-video; text and frames share one attention. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import ModelError
from vstar_sdk.models.contract import Facts
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.hunyuan15.options import Hunyuan15Options
from vstar_sdk.models.hunyuan15.sites import hunyuan15_sites
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION, find_model

if TYPE_CHECKING:
    from vstar_sdk.models.estimates import Estimate, Workload
    from vstar_sdk.models.hunyuan15.adapter import Hunyuan15Adapter

WEIGHTS = ("*.json", "*.safetensors", "tokenizer/*", "tokenizer_2/*")
"""Patterns of the files that it is loaded from: tokenizers hold other texts, and a chat template."""


@dataclass(frozen=True)
class Hunyuan15Source:
    """A HunyuanVideo 1.5 model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`.

    Attributes:
        options: which model, and how it runs.
        resolver: finds a hub id.
    """

    options: Hunyuan15Options
    resolver: Resolver

    def facts(self) -> Facts:
        """Read the configuration files, of a hub id after fetching them.

        Raises:
            ModelError: one is missing, damaged or of another family.
        """
        directory = self._find(CONFIGURATION)
        network, vae = read_config(directory, "transformer/config.json"), read_config(directory, "vae/config.json")
        guider = directory / "guider" / "guider_config.json"
        guidance = read_config(directory, "guider/guider_config.json").get("guidance_scale", 6.0) if guider.exists() else 6.0
        try:
            sites = hunyuan15_sites(network)
            _check_text_to_video(network, vae)
            pixels = int(vae.get("spatial_compression_ratio", 16))
        except (ModelError, KeyError) as error:
            hint = "this is a model of another family, or one that is not for text to video"
            raise ModelError(f"{directory}: {error}", hint=hint) from None
        width, height = widescreen(int(network.get("target_size", 640)), pixels)
        return Facts(
            name="HunyuanVideo 1.5",
            sites=sites,
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
        """Load the weights.

        Args:
            device: a torch device.
            dtype: ``float32``, ``float16`` or ``bfloat16``.

        Raises:
            ModelError: a file is missing or damaged, or does not match its configuration.
        """
        from vstar_sdk.models.hunyuan15.adapter import load

        return load(self._find(WEIGHTS), self.facts(), self.options, device, dtype)

    def estimate(self, workload: Workload) -> Estimate:
        """Count what a workload takes, without the weights.

        Raises:
            ModelError: a configuration is missing or of another family.
        """
        from vstar_sdk.models.hunyuan15.estimate import estimate

        return estimate(self._find(CONFIGURATION), workload)

    def _find(self, patterns: tuple[str, ...]) -> Path:
        return find_model(self.options.path, self.options.revision, self.resolver, patterns)


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


def _check_text_to_video(network: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """Refuse a network that wants more than text.

    Raises:
        ModelError: it does.
    """
    kind = network.get("_class_name", "HunyuanVideo15Transformer3DModel")
    if kind != "HunyuanVideo15Transformer3DModel":
        raise ModelError(f"its transformer is a {kind}")
    if (task := network.get("task_type", "i2v")) != "t2v":
        raise ModelError(f"its task is {task}: it wants a picture")
    channels, latent = network.get("in_channels", 65), vae.get("latent_channels", 32)
    if channels != 2 * latent + 1:
        raise ModelError(f"its transformer takes {channels} channels, and twice the {latent} of the latents and a mask are meant")


def hunyuan15(options: Hunyuan15Options, *, resolver: Resolver | None = None) -> Hunyuan15Source:
    """A HunyuanVideo 1.5 model."""
    return Hunyuan15Source(options, resolver or Resolver())


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "hunyuan15",
        options=Hunyuan15Options,
        factory=hunyuan15,
        summary="HunyuanVideo 1.5 text to video, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("HunyuanVideo15Transformer3DModel", family="vstar_sdk.models.hunyuan15.family:HUNYUAN15")
