"""``pag`` and ``slg``: guidance away from a worse video, whose attention is changed in one more branch. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from vstar_sdk.attention.operations import Skip
from vstar_sdk.options import PlacedGuidanceOptions, Window
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.sampling.contract import NEGATIVE, PROMPT, Branch

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.attention.moment import Moment
    from vstar_sdk.attention.sites import Site


class PagOptions(PlacedGuidanceOptions):
    """Perturbed attention guidance: away from a video without attention over frames."""


class SlgOptions(PlacedGuidanceOptions):
    """Skip layer guidance: away from a video without some layers. Say which: levels or blocks."""

    strength: float = Field(default=2.8, ge=0, le=100)
    """How far the video is moved away from the worse one; 0 is plain guidance."""
    window: Window = (0.01, 0.2)
    """When, as fractions of the schedule; a step inside takes one prediction more."""

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.levels is None and self.blocks is None:
            raise ValueError("say which layers are left out: levels, or blocks of a model that is one stack")
        return self


class Perturbed:
    """A `vstar_sdk.Guidance`: classifier-free guidance, and away from a worse prediction for the same prompt.

    ::

        e = e_negative + scale (e_prompt - e_negative) + strength (e_prompt - e_worse)

    At scale 1 the first two terms are ``e_prompt``. The worse branch is of PAG (Ahn et al., ECCV 2024, arXiv 2403.17377), whose
    attention gives every token its own value, or of SLG (Stability AI, with Stable Diffusion 3.5), which leaves out whole layers.
    Both are known for video as spatio-temporal skip guidance (STG; Hyung et al., CVPR 2025, arXiv 2411.18664). They act at the
    attentions that the model's family has as sites: over the frames of each position, or over all tokens of a clip.

    Args:
        options: the validated options.
        what: is left out of the worse branch.
    """

    def __init__(self, options: PlacedGuidanceOptions, what: Literal["scores", "layer"]) -> None:
        self.options = options
        self._what: Literal["scores", "layer"] = what

    @property
    def branches(self) -> Sequence[Branch]:
        """Without the worse one where it would not count."""
        if self.options.strength == 0.0:
            return (NEGATIVE, PROMPT)
        return (NEGATIVE, PROMPT, Branch("worse", operations=self.left_out, window=self.options.window))

    def left_out(self, site: Site) -> list[Skip]:
        """What is left out at a site; nothing in the transformer before the first block."""
        levels, blocks = self.options.levels, self.options.blocks
        if site.kind == "cross" or site.block == "init" or (levels is not None and site.level not in levels):
            return []
        if blocks is not None and (site.index is None or not blocks[0] <= site.index <= blocks[1]):
            return []
        return [Skip(self._what)]

    def combine(self, predictions: Mapping[str, Tensor], scale: float, moment: Moment) -> Tensor:
        """See `vstar_sdk.Guidance.combine`."""
        guided = prompt = predictions["prompt"]
        if (negative := predictions.get("negative")) is not None:
            guided = negative + scale * (prompt - negative)
        if (worse := predictions.get("worse")) is not None:
            guided = guided + self.options.strength * (prompt - worse)
        return guided


def pag(options: PagOptions) -> Perturbed:
    """The guidance whose worse branch has no attention."""
    return Perturbed(options, "scores")


def slg(options: SlgOptions) -> Perturbed:
    """The guidance whose worse branch has not all layers."""
    return Perturbed(options, "layer")


@hookimpl
def register_guidances(register: Register) -> None:
    """Offer the guidances."""
    register("pag", options=PagOptions, factory=pag, summary="Perturbed attention guidance: away from a video without attention.")
    register("slg", options=SlgOptions, factory=slg, summary="Skip layer guidance: away from a video without some layers.")
