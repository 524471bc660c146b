"""``wan``: Wan 2.1 and 2.2 text-to-video, the first models whose frames and positions share one attention. No torch.

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
from vstar_sdk.models.contract import Facts
from vstar_sdk.models.counting import counted_once
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.wan.options import WanOptions
from vstar_sdk.models.wan.sites import wan_sites
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION, WEIGHTS, find_model

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
class _Release:
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


_WAN_21 = _Release("Wan 2.1", 81, (832, 480), 16.0, 50, 5.0)
_WAN_22 = _Release("Wan 2.2", 81, (832, 480), 16.0, 40, 4.0)
_WAN_22_SMALL = _Release("Wan 2.2 TI2V", 121, (1280, 704), 24.0, 50, 5.0)


@dataclass(frozen=True)
class WanSource:
    """A Wan model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`.

    Attributes:
        options: which model, and how it runs.
        resolver: finds a hub id.
        modules: what loading imports.
    """

    modules: ClassVar[tuple[str, ...]] = ("vstar_sdk.models.wan.adapter",)

    options: WanOptions
    resolver: Resolver

    def facts(self) -> Facts:
        """Read the configuration files, of a hub id after fetching them.

        Raises:
            ModelError: one is missing, damaged or of another family.
        """
        directory = self._find(CONFIGURATION)
        index, vae = read_config(directory, "model_index.json"), read_config(directory, "vae/config.json")
        try:
            networks = _networks(index)
            sites = tuple(
                site for network in networks for site in wan_sites(_config(directory, network, vae), prefix=f"{network}.")
            )
            network = read_config(directory, f"{networks[0]}/config.json")
            frames, pixels = vae.get("scale_factor_temporal", 4), vae.get("scale_factor_spatial", 8)
        except (ModelError, KeyError) as error:
            hint = "this is a model of another family, or one that is not for text to video"
            raise ModelError(f"{directory}: {error}", hint=hint) from None
        release = _WAN_22_SMALL if index.get("expand_timesteps") else _WAN_22 if len(networks) == 2 else _WAN_21
        return Facts(
            name=release.name,
            sites=sites,
            frames=release.frames,
            width=release.size[0],
            height=release.size[1],
            size_multiple=pixels * max(network["patch_size"][1:]),
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

    def load(self, device: str, dtype: str) -> WanAdapter:
        """Load the weights.

        Args:
            device: a torch device.
            dtype: ``float32``, ``float16`` or ``bfloat16``; of the decoder always float32, as its authors advise.

        Raises:
            ModelError: a file is missing or damaged, or does not match its configuration.
        """
        from vstar_sdk.models.wan.adapter import load

        return load(self._find(WEIGHTS), self.facts(), self.options, device, dtype)

    def estimate(self, workload: Workload) -> Estimate:
        """Count what a workload takes, without the weights.

        Raises:
            ModelError: a configuration is missing or of another family.
        """
        directory = self._find(CONFIGURATION)
        networks = _networks(read_config(directory, "model_index.json"))

        def count() -> Estimate:
            from vstar_sdk.models.wan.estimate import estimate

            return estimate(directory, networks, workload)

        files = [directory / file for file in ("model_index.json", f"{networks[0]}/config.json")]
        files += [directory / component / "config.json" for component in ("vae", "text_encoder")]
        return counted_once(files, workload, self.options, count)

    def _find(self, patterns: tuple[str, ...]) -> Path:
        return find_model(self.options.path, self.options.revision, self.resolver, patterns)


def _networks(index: Mapping[str, Any]) -> tuple[str, ...]:
    """The folders of the denoising networks, the one for the noisy part of the schedule first."""
    given = [name for name in ("transformer", "transformer_2") if (index.get(name) or [None])[0] is not None]
    boundary = index.get("boundary_ratio")
    if given == ["transformer"] and boundary is None:
        return ("transformer",)
    if len(given) == 2 and boundary is not None:
        return ("transformer", "transformer_2")
    raise ModelError(f"its model_index.json names {' and '.join(given) or 'no transformer'} with boundary_ratio {boundary}")


def _config(directory: Path, network: str, vae: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of one network, once it is sure that it makes the VAE's latents from text alone."""
    config = read_config(directory, f"{network}/config.json")
    kind = config.get("_class_name", "WanTransformer3DModel")
    if kind != "WanTransformer3DModel":
        raise ModelError(f"its {network} is a {kind}")
    channels, latent = config.get("in_channels", 16), vae.get("z_dim", 16)
    if channels != latent:
        raise ModelError(f"its {network} takes {channels} channels where the latents have {latent}: it wants a picture or video")
    return config


def wan(options: WanOptions, *, resolver: Resolver | None = None) -> WanSource:
    """A Wan model."""
    return WanSource(options, resolver or Resolver())


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "wan",
        options=WanOptions,
        factory=wan,
        summary="Wan 2.1 and 2.2 text to video, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("WanTransformer3DModel", family="vstar_sdk.models.wan.family:WAN")
