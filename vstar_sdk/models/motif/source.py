"""``motif``: Motif-Video text to video; text and frames share one attention. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.diffusers.pipeline_source import PipelineSource, check_class, of_this_family
from vstar_sdk.models.diffusers.scheduler_classes import SHIFT
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.motif.options import MotifOptions
from vstar_sdk.models.motif.sites import motif_sites, motif_text_sites
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION

if TYPE_CHECKING:
    from vstar_sdk.models.estimates import Estimate, Workload
    from vstar_sdk.models.motif.adapter import MotifAdapter

NEGATIVE_PROMPT = "worst quality, inconsistent motion, blurry, jittery, distorted"
"""The one of its pipeline's example."""


@dataclass(frozen=True)
class MotifSource(PipelineSource[MotifOptions]):
    """A Motif-Video model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`."""

    modules = ("vstar_sdk.models.motif.adapter",)

    def facts(self) -> Facts:
        """See `PipelineSource.facts`."""
        directory = self.find(CONFIGURATION)
        network, vae = read_config(directory, "transformer/config.json"), read_config(directory, "vae/config.json")
        guider = directory / "guider" / "guider_config.json"
        guidance = read_config(directory, "guider/guider_config.json").get("guidance_scale", 7.5) if guider.exists() else 7.5
        with of_this_family(directory):
            sites, text_sites = motif_sites(network), motif_text_sites(network)
            check_class(network, "transformer", "MotifVideoTransformer3DModel")
            check_class(vae, "vae", "AutoencoderKLWan")
            _check_channels(network, vae)
        sees = network.get("image_embed_dim") is not None and (directory / "feature_extractor").exists()
        patch = int(network.get("patch_size", 2))
        return Facts(
            name="Motif-Video",
            sites=sites,
            text_sites=text_sites,
            encodes=True,
            trained=("first",) if sees else (),
            frames=121,
            width=1280,
            height=736,
            size_multiple=int(vae.get("scale_factor_spatial", 8)) * patch,
            rhythm=Rhythm.causal(int(vae.get("scale_factor_temporal", 4))),
            fps=24.0,
            steps=50,
            guidance=float(guidance),
            eta=0.0,
            scheduler="flow-euler-even",
            negative_prompt=NEGATIVE_PROMPT,
            scheduler_config=schedule(read_config(directory, "scheduler/scheduler_config.json"), self.options.flow_shift, patch),
            one_text=True,
        )

    def load(self, device: str, dtype: str) -> MotifAdapter:
        """See `PipelineSource.load`."""
        from vstar_sdk.models.motif.adapter import load

        return load(self.find(self.weights), self.facts(), self.options, device, dtype)

    def count(self, directory: Path, workload: Workload) -> Estimate:
        """See `PipelineSource.count`."""
        from vstar_sdk.models.motif.estimate import estimate

        return estimate(directory, workload)


def schedule(config: Mapping[str, Any], shift: float | None, patch: int) -> dict[str, Any]:
    """The configuration of its schedulers, see `flow_config`.

    Where the shift grows with the clip, its pipeline counts tokens, and a run latents: of these there are ``patch ** 2`` to each.

    Args:
        config: ``scheduler_config.json``.
        shift: in the place of the model's own.
        patch: latents of a side to a token.
    """
    written = flow_config(config, shift)
    if written.get("use_dynamic_shifting"):
        lengths = ("base_image_seq_len", "max_image_seq_len")
        written |= {key: written.get(key, SHIFT[key]) * patch**2 for key in lengths}
    return written


def _check_channels(network: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """Refuse a network that is given something else than latents, a picture's, and a mask.

    Raises:
        ModelError: it is such a network.
    """
    channels, latent = network.get("in_channels", 33), vae.get("z_dim", 16)
    if channels != 2 * latent + 1:
        raise ModelError(f"its transformer takes {channels} channels; expected are twice the {latent} of the latents and a mask")


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "motif",
        options=MotifOptions,
        factory=MotifSource,
        summary="Motif-Video text and image to video, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("MotifVideoTransformer3DModel", family="vstar_sdk.models.motif.family:MOTIF")
