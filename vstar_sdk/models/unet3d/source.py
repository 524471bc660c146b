"""The UNet3D family (ModelScope, ZeroScope, VideoCrafter2, miniworld): what its configuration files say. No torch.

Its denoiser is diffusers' ``UNet3DConditionModel``, whose blocks with cross-attention have a temporal transformer behind
every spatial one. Both attentions of a temporal transformer, ``attn1`` and ``attn2``, are self-attentions over frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.attention.sites import Block, SiteAddress
from vstar_sdk.errors import ModelError
from vstar_sdk.models.contract import Facts
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.weights.directory import read_config

if TYPE_CHECKING:
    from vstar_sdk.models.estimates import Estimate, Workload
    from vstar_sdk.models.unet3d.adapter import UNet3DAdapter

_WITH_ATTENTION = {"CrossAttnDownBlock3D", "CrossAttnUpBlock3D"}
_WITHOUT = {"DownBlock3D", "UpBlock3D"}


def unet3d_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The temporal self-attentions of a ``UNet3DConditionModel``, in the order in which it runs them.

    Down block ``i`` has resolution ``i`` and up block ``i`` the mirrored one; the middle block and the first up block share
    the lowest. Levels number the resolutions that have temporal attention, highest first.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: it is no configuration of this family.
    """
    try:
        down, up = config["down_block_types"], config["up_block_types"]
        widths, layers, head_dims = config["block_out_channels"], config["layers_per_block"], config["attention_head_dim"]
    except KeyError as missing:
        raise ModelError(f"no UNet3DConditionModel: its configuration has no {missing}") from None
    unknown = sorted({*down, *up} - _WITH_ATTENTION - _WITHOUT)
    if unknown:
        raise ModelError(f"no UNet3DConditionModel: it has blocks of type {', '.join(unknown)}")
    lowest = len(widths) - 1
    # diffusers reads "attention_head_dim" as one number for all blocks or one for each, and means the head's channels.
    per_block = [head_dims] * len(widths) if isinstance(head_dims, int) else list(head_dims)
    places: list[tuple[str, Block, int, int]] = [
        *((f"down_blocks.{i}", "down", i, layers) for i, kind in enumerate(down) if kind in _WITH_ATTENTION),
        ("mid_block", "mid", lowest, 1),
        *((f"up_blocks.{i}", "up", lowest - i, layers + 1) for i, kind in enumerate(up) if kind in _WITH_ATTENTION),
    ]
    level = {resolution: level for level, resolution in enumerate(sorted({resolution for _, _, resolution, _ in places}))}
    sites = [*_transformer("transformer_in", "init", 0, heads=8, head_dim=per_block[0])]
    for prefix, block, resolution, count in places:
        head_dim = per_block[resolution]
        for layer in range(count):
            name = f"{prefix}.temp_attentions.{layer}"
            sites += _transformer(name, block, level[resolution], heads=widths[resolution] // head_dim, head_dim=head_dim)
    return tuple(sites)


def _transformer(name: str, block: Block, level: int, *, heads: int, head_dim: int) -> Iterator[SiteAddress]:
    for attention in ("attn1", "attn2"):
        yield SiteAddress(f"{name}.transformer_blocks.0.{attention}", block, level, heads, head_dim)


@dataclass(frozen=True, kw_only=True)
class UNet3DSource:
    """A model of the family in a local directory in diffusers format; a `vstar_sdk.models.contract.ModelSource`.

    The directory says what the model is; the rest, which no file of it says, stands here.

    Attributes:
        directory: with ``unet``, ``vae``, ``text_encoder``, ``tokenizer`` and ``scheduler``.
        name: as people know it.
        frames: default clip length.
        fps: frames a second that it was trained on.
        steps: default number of denoising steps.
        guidance: default classifier-free guidance scale.
        eta: default DDIM eta.
        size: width and height in pixels; None for the square that the network's ``sample_size`` means.
        max_frames: the most frames that it can make at once, or None.
        scheduler: default scheduler, by the names of `vstar_sdk.sampling.schedulers`.
        negative_prompt: used when nothing else gives one.
        vocabulary: the words that it was trained with; None for a model of ordinary language.
        options: memory and speed.
    """

    directory: Path
    name: str
    frames: int
    fps: float
    steps: int
    guidance: float
    eta: float = 0.0
    size: tuple[int, int] | None = None
    max_frames: int | None = None
    scheduler: str = "ddim"
    negative_prompt: str = ""
    vocabulary: frozenset[str] | None = None
    options: FramewiseOptions = field(default_factory=FramewiseOptions)

    def facts(self) -> Facts:
        """Read the configuration files.

        Raises:
            ModelError: one is missing, damaged or of another family.
        """
        unet, vae = read_config(self.directory, "unet/config.json"), read_config(self.directory, "vae/config.json")
        try:
            sites = unet3d_sites(unet)
            factor = 2 ** (len(vae["block_out_channels"]) - 1)
            width, height = self.size or _own_size(unet, factor)
        except (ModelError, KeyError) as error:
            raise ModelError(f"{self.directory}: {error}", hint="this is a model of another family, or a damaged one") from None
        return Facts(
            name=self.name,
            sites=sites,
            frames=self.frames,
            width=width,
            height=height,
            size_multiple=factor * 2 ** (len(unet["block_out_channels"]) - 1),
            max_frames=self.max_frames,
            fps=self.fps,
            steps=self.steps,
            guidance=self.guidance,
            eta=self.eta,
            scheduler=self.scheduler,
            negative_prompt=self.negative_prompt,
            vocabulary=self.vocabulary,
            scheduler_config=read_config(self.directory, "scheduler/scheduler_config.json"),
        )

    def load(self, device: str, dtype: str) -> UNet3DAdapter:
        """Load the weights.

        Args:
            device: a torch device.
            dtype: ``float32``, ``float16`` or ``bfloat16``.

        Raises:
            ModelError: a file is missing or damaged, or does not match its configuration.
        """
        from vstar_sdk.models.unet3d.adapter import load

        return load(self.directory, self.facts(), device, dtype, self.options)

    def estimate(self, workload: Workload) -> Estimate:
        """What a run will take, counted on the networks of the configuration without their weights.

        Raises:
            ModelError: a configuration is missing or damaged.
        """
        from vstar_sdk.models.unet3d.estimate import estimate

        return estimate(self.directory, workload, self.options)


def _own_size(unet: Mapping[str, Any], factor: int) -> Sequence[int]:
    """Width and height in pixels, from the network's latent ``sample_size`` (a number, or height and width)."""
    sample = unet.get("sample_size")
    if sample is None:
        raise ModelError("its network's configuration has no sample_size, so its picture size must be given")
    height, width = (sample, sample) if isinstance(sample, int) else sample
    return width * factor, height * factor
