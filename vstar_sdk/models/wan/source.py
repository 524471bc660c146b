"""``wan``: Wan 2.1 and 2.2, text and image to video, the first models whose frames and positions share one attention. No torch.

The denoiser is diffusers' ``WanTransformer3DModel``, a stack of equal blocks: ``attn1`` attends over all tokens of the clip, the
positions of every latent frame in their order, and ``attn2`` from these to the text. Wan 2.2 has two such networks, one for the
noisy and one for the clearer part of the schedule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.diffusers.pipeline_source import PipelineSource, check_class, of_this_family
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.wan.options import WanOptions
from vstar_sdk.models.wan.sites import wan_sites, wan_text_sites
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION

if TYPE_CHECKING:
    from vstar_sdk.models.estimates import Estimate, Workload
    from vstar_sdk.models.wan.adapter import WanAdapter

NEGATIVE_PROMPT = (
    "Bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, images, static, overall gray, "
    "worst quality, low quality, JPEG compression residue, ugly, incomplete, extra fingers, poorly drawn hands, poorly drawn "
    "faces, deformed, disfigured, misshapen limbs, fused fingers, still picture, messy background, three legs, many people in "
    "the background, walking backwards"
)
"""The one that the model's authors give with their examples."""


@dataclass(frozen=True)
class Release:
    """What no file of a release says.

    Attributes:
        name: as people know it.
        frames: its clip length.
        size: width and height in pixels.
        fps: frames a second.
        steps: of its authors' examples.
        guidance: likewise.
    """

    name: str
    frames: int
    size: tuple[int, int]
    fps: float
    steps: int
    guidance: float


SKYREELS = Release("SkyReels V2", 97, (960, 544), 24.0, 50, 6.0)
_WAN_21 = Release("Wan 2.1", 81, (832, 480), 16.0, 50, 5.0)
_WAN_22 = Release("Wan 2.2", 81, (832, 480), 16.0, 40, 4.0)
_WAN_22_SMALL = Release("Wan 2.2 TI2V", 121, (1280, 704), 24.0, 50, 5.0)


@dataclass(frozen=True)
class WanSource(PipelineSource[WanOptions]):
    """A Wan model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`."""

    modules = ("vstar_sdk.models.wan.adapter",)
    network: ClassVar[str] = "WanTransformer3DModel"
    """The class of the denoiser."""
    pictured: ClassVar[bool] = True
    """Whether image-to-video models are supported."""
    counted = ("model_index.json", *PipelineSource.counted)

    def facts(self) -> Facts:
        """See `PipelineSource.facts`."""
        directory = self.find(CONFIGURATION)
        index, vae = read_config(directory, "model_index.json"), read_config(directory, "vae/config.json")
        with of_this_family(directory):
            networks = _networks(index)
        configs = {network: read_config(directory, f"{network}/config.json") for network in networks}
        with of_this_family(directory):
            kinds = {_kind(name, config, vae, self.network) for name, config in configs.items()}
            if len(kinds) > 1:
                raise ModelError(f"its networks are of two kinds: {' and '.join(sorted(kinds))}")
            if kinds == {"picture"} and not self.pictured:
                raise ModelError("it needs a picture in addition to the prompt (image to video), which is not supported here")
            sites = tuple(site for name, config in configs.items() for site in wan_sites(config, prefix=f"{name}."))
            text_sites = tuple(site for name, config in configs.items() for site in wan_text_sites(config, prefix=f"{name}."))
        network, frames = configs[networks[0]], vae.get("scale_factor_temporal", 4)
        release, (trained, needs) = self.release(index, len(networks)), _pictures(kinds.pop(), index, network)
        return Facts(
            name=f"{release.name} I2V" if needs else release.name,
            sites=sites,
            encodes=True,
            trained=trained,
            needs=needs,
            text_sites=text_sites,
            states=self.options.states,
            frames=release.frames,
            width=release.size[0],
            height=release.size[1],
            size_multiple=vae.get("scale_factor_spatial", 8) * max(network["patch_size"][1:]),
            rhythm=Rhythm.causal(frames),
            max_frames=1 + (network.get("rope_max_seq_len", 1024) - 1) * frames,
            fps=release.fps,
            steps=release.steps,
            guidance=release.guidance,
            eta=0.0,
            scheduler="unipc",
            negative_prompt=NEGATIVE_PROMPT,
            scheduler_config=flow_config(read_config(directory, "scheduler/scheduler_config.json"), self.options.flow_shift),
        )

    def release(self, index: Mapping[str, Any], networks: int) -> Release:
        """Which release it is.

        Args:
            index: ``model_index.json``.
            networks: how many denoising networks it has.
        """
        return _WAN_22_SMALL if index.get("expand_timesteps") else _WAN_22 if networks == 2 else _WAN_21

    def load(self, device: str, dtype: str) -> WanAdapter:
        """See `PipelineSource.load`; the decoder is always float32, as its authors advise."""
        from vstar_sdk.models.wan.adapter import load

        directory = self.find(self.weights)
        loras = self.loras(_networks(read_config(directory, "model_index.json")))
        return load(directory, self.facts(), self.options, device, dtype, loras)

    def count(self, directory: Path, workload: Workload) -> Estimate:
        """See `PipelineSource.count`."""
        from vstar_sdk.models.wan.estimate import estimate

        networks = _networks(read_config(directory, "model_index.json"))
        return estimate(directory, networks, workload)


def _networks(index: Mapping[str, Any]) -> tuple[str, ...]:
    """The folders of the denoising networks, the one for the noisy part of the schedule first."""
    given = [name for name in ("transformer", "transformer_2") if (index.get(name) or [None])[0] is not None]
    boundary = index.get("boundary_ratio")
    if given == ["transformer"] and boundary is None:
        return ("transformer",)
    if len(given) == 2 and boundary is not None:
        return ("transformer", "transformer_2")
    raise ModelError(f"its model_index.json names {' and '.join(given) or 'no transformer'} with boundary_ratio {boundary}")


def _kind(network: str, config: Mapping[str, Any], vae: Mapping[str, Any], kind: str) -> str:
    """Whether a network makes latents from ``text`` alone, or from a ``picture`` that stands beside them.

    Raises:
        ModelError: it does neither.
    """
    check_class(config, network, kind)
    channels, latent, mask = config.get("in_channels", 16), vae.get("z_dim", 16), vae.get("scale_factor_temporal", 4)
    seen = config.get("image_dim") is not None
    if channels == latent and not seen:
        return "text"
    if channels == 2 * latent + mask:
        return "picture"
    raise ModelError(f"its {network} takes {channels} channels, and the latents have {latent}: it needs more than a picture")


def _pictures(kind: str, index: Mapping[str, Any], network: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The pictures that a model was trained to read, and those that it needs; see `Facts`."""
    if kind == "text":
        return (("first",) if index.get("expand_timesteps") else ()), ()
    both = ("first", "last")
    if network.get("pos_embed_seq_len") is not None:  # of the two pictures' embeddings
        return both, both
    return (("first",) if network.get("image_dim") is not None else both), ("first",)


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "wan",
        options=WanOptions,
        factory=WanSource,
        summary="Wan 2.1 and 2.2 text and image to video, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("WanTransformer3DModel", "SkyReelsV2Transformer3DModel", family="vstar_sdk.models.wan.family:WAN")
