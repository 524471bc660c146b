"""``minimax-h3``: MiniMax-H3, of whose sound and video a run keeps the video. No torch."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.diffusers.pipeline_source import PipelineSource, check_class, of_this_family
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.minimax_h3.options import MiniMaxH3Options
from vstar_sdk.models.minimax_h3.shifts import SHIFTS, shift_of
from vstar_sdk.models.minimax_h3.sites import CYCLE, PATCH, RHYTHM, minimax_h3_sites, minimax_h3_text_sites
from vstar_sdk.parts import Register, RegisterFamily, hookimpl
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.finding import CONFIGURATION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vstar_sdk.models.estimates import Estimate, Workload
    from vstar_sdk.models.minimax_h3.adapter import MiniMaxH3Adapter

NOTICE = (
    "MiniMax-H3 has a licence of its own, the MiniMax H3 Community License Agreement, which excludes territories such as the "
    "European Union, the United Kingdom, the Republic of Korea and the United States of America: read the model's card before "
    "you use it"
)
"""Given when the model is loaded, once in a process."""


@dataclass(frozen=True)
class MiniMaxH3Source(PipelineSource[MiniMaxH3Options]):
    """A MiniMax-H3 model named by a path or a hub id; a `vstar_sdk.models.contract.ModelSource`."""

    modules = ("vstar_sdk.models.minimax_h3.adapter",)
    # Of its two networks, and not the other one, which is for references.
    weights = ("*.json", "transformer/*.safetensors", "vae/*.safetensors", "text_encoder/*.safetensors", "tokenizer*/*")

    def facts(self) -> Facts:
        """See `PipelineSource.facts`."""
        directory = self.find(CONFIGURATION)
        network, vae = read_config(directory, "transformer/config.json"), read_config(directory, "vae/config.json")
        with of_this_family(directory):
            sites, text_sites = minimax_h3_sites(network), minimax_h3_text_sites(network)
            check_class(network, "transformer", "MiniMaxH3Transformer3DModel")
            check_class(vae, "vae", "AutoencoderKLMiniMaxH3")
            _check_time(vae)
        pixels = 1
        for factor in vae.get("spatial_downsample_factors", (2, 2, 2, 2, 1, 1)):
            pixels *= int(factor)
        return Facts(
            name="MiniMax-H3",
            sites=sites,
            text_sites=text_sites,
            encodes=True,
            states=self.options.states,
            frames=124,
            width=1344,
            height=768,
            size_multiple=pixels * PATCH,
            rhythm=RHYTHM,
            lengths=(124, 345),  # 5 to 15 seconds, as its pipeline makes them
            fps=24.0,
            steps=49,  # its pipeline counts 50, and the last one is the clean clip
            guidance=1.0,
            eta=0.0,
            scheduler="flow-euler-even",
            scheduler_config=flow_config({"shift": shift_of(directory, "scheduler", SHIFTS[0])}, None),
            one_text=True,
        )

    def load(self, device: str, dtype: str) -> MiniMaxH3Adapter:
        """See `PipelineSource.load`."""
        from vstar_sdk.models.minimax_h3.adapter import load

        adapter = load(self.find(self.weights), self.facts(), self.options, device, dtype, self.loras())
        warnings.warn(NOTICE, UserWarning, stacklevel=2)
        return adapter

    def count(self, directory: Path, workload: Workload) -> Estimate:
        """See `PipelineSource.count`."""
        from vstar_sdk.models.minimax_h3.estimate import estimate

        return estimate(directory, workload)


def _check_time(vae: Mapping[str, Any]) -> None:
    """Refuse an autoencoder that packs time in another way.

    Raises:
        ModelError: it does.
    """
    clip, dropped = vae.get("clip_length", sum(CYCLE)), vae.get("token_drop", 3)
    if (clip, dropped) != (sum(CYCLE), 3):
        raise ModelError(f"its vae takes {clip} frames at a time and drops {dropped} latent frames; expected are 17 and 3")


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "minimax-h3",
        options=MiniMaxH3Options,
        factory=MiniMaxH3Source,
        summary="MiniMax-H3 text to video, without its sound, from a folder or the hub; beyond the paper, and experimental.",
    )


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("MiniMaxH3Transformer3DModel", family="vstar_sdk.models.minimax_h3.family:MINIMAX_H3")
