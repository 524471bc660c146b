"""The joint sibling before it is loaded. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import field_validator

from vstar_sdk.miniworld.grammar import vocabulary
from vstar_sdk.models.counting import counted_once
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.diffusers.pipeline_source import check_class, of_this_family
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.wan.sites import wan_sites, wan_text_sites
from vstar_sdk.weights.directory import read_config

if TYPE_CHECKING:
    from vstar_sdk.miniworld.joint.adapter import MiniworldDitAdapter
    from vstar_sdk.models.estimates import Estimate, Workload

NETWORK = "MiniworldTransformer3DModel"
"""The class of the denoiser."""


class MiniworldDitOptions(FramewiseOptions):
    """How it runs."""

    @field_validator("compile")
    @classmethod
    def _not_compiled(cls, compile: bool) -> bool:
        if compile:
            why = "attention over all tokens is regularized in loops over chunks of them"
            raise ValueError(f"miniworld-dit cannot be compiled: {why}")
        return compile

    @field_validator("tiling")
    @classmethod
    def _not_tiled(cls, tiling: bool) -> bool:
        if tiling:
            raise ValueError("miniworld-dit is not decoded in tiles: its pictures are small")
        return tiling


@dataclass(frozen=True, kw_only=True)
class MiniworldDitSource:
    """A `vstar_sdk.models.contract.ModelSource`.

    Attributes:
        directory: with ``transformer`` and ``scheduler``.
        base: of miniworld, whose ``vae``, ``text_encoder`` and ``tokenizer`` it was trained with.
        options: memory and speed.
    """

    modules: ClassVar[tuple[str, ...]] = ("vstar_sdk.miniworld.joint.adapter",)

    directory: Path
    base: Path
    options: MiniworldDitOptions = field(default_factory=MiniworldDitOptions)

    def facts(self) -> Facts:
        """Read the configuration files.

        Raises:
            ModelError: one is missing, damaged or of another family.
        """
        network, vae = read_config(self.directory, "transformer/config.json"), read_config(self.base, "vae/config.json")
        with of_this_family(self.directory):
            check_class(network, "transformer", NETWORK)
            sites, text_sites = wan_sites(network), wan_text_sites(network)
            factor = 2 ** (len(vae["block_out_channels"]) - 1)
            side, patch, most = vae["sample_size"], max(network["patch_size"][1:]), network["rope_max_seq_len"]
        return Facts(
            name="miniworld-dit",
            sites=sites,
            encodes=True,
            text_sites=text_sites,
            frames=16,
            width=side,
            height=side,
            size_multiple=factor * patch,
            max_frames=most,
            fps=8.0,
            steps=25,
            guidance=3.5,
            eta=0.0,
            scheduler="unipc",
            vocabulary=vocabulary(),
            scheduler_config=flow_config(read_config(self.directory, "scheduler/scheduler_config.json"), None),
        )

    def load(self, device: str, dtype: str) -> MiniworldDitAdapter:
        """See `vstar_sdk.models.contract.ModelSource.load`."""
        from vstar_sdk.miniworld.joint.adapter import load

        return load(self.directory, self.base, self.facts(), device, dtype, self.options)

    def estimate(self, workload: Workload) -> Estimate:
        """What a run will take, counted on the networks of the configurations without their weights.

        Raises:
            ModelError: a configuration is missing or damaged.
        """
        files = [
            self.directory / "transformer" / "config.json",
            *(self.base / part / "config.json" for part in ("vae", "text_encoder")),
        ]
        return counted_once(files, workload, self.options, partial(self._count, workload))

    def _count(self, workload: Workload) -> Estimate:
        from vstar_sdk.miniworld.joint.estimate import estimate

        return estimate(self.directory, self.base, workload, self.options)
