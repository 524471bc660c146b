"""``cfg-zero``, ``tcfg`` and ``mambo-g``: guidances of two branches, by the formulas of diffusers. No torch until they guide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from vstar_sdk.options import GuidanceOptions
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.sampling.contract import NEGATIVE, PROMPT

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.attention.moment import Moment

Formula = Callable[["Tensor", "Tensor", float, Any, int], "Tensor"]
"""From the predictions for the prompt and for the negative prompt, the scale, the options and the step (from 0) to one."""


class ZeroOptions(GuidanceOptions):
    """CFG-Zero*: for models trained by flow matching."""

    zero_steps: int = Field(default=1, ge=0, le=1000)
    """First steps of the schedule whose prediction is all zero, so that they move nothing; the paper's: 4 % of the schedule."""


class MamboOptions(GuidanceOptions):
    """MAMBO-G: high scales, held back where the update is large."""

    alpha: float = Field(default=8.0, ge=0, le=1000)
    """How much a large update is held back; 0 is plain guidance."""


class ByDiffusers:
    """A `vstar_sdk.Guidance` by a function of two predictions.

    Args:
        options: the validated options.
        formula: the function.
    """

    branches = (NEGATIVE, PROMPT)

    def __init__(self, options: GuidanceOptions, formula: Formula) -> None:
        self.options, self._formula = options, formula

    def combine(self, predictions: Mapping[str, Tensor], scale: float, moment: Moment) -> Tensor:
        """See `vstar_sdk.Guidance.combine`."""
        return self._formula(predictions["prompt"], predictions["negative"], scale, self.options, moment.step)


def zero_star(prompt: Tensor, negative: Tensor, scale: float, options: ZeroOptions, step: int) -> Tensor:
    """CFG-Zero* (Fan et al., 2025, arXiv 2503.18886): the negative prediction is first scaled to be as near as it can::

    s = <e_prompt, e_negative> / |e_negative|^2
    e = s e_negative + scale (e_prompt - s e_negative)          0 in the first steps
    """
    from diffusers.guiders import classifier_free_zero_star_guidance as library

    if step < options.zero_steps:
        return prompt.new_zeros(prompt.shape)
    nearest = cast(Any, library.cfg_zero_star_scale)(prompt.flatten(1), negative.flatten(1))
    negative = negative * nearest.view(-1, *[1] * (prompt.ndim - 1))
    return negative + scale * (prompt - negative)


def tangential(prompt: Tensor, negative: Tensor, scale: float, options: GuidanceOptions, step: int) -> Tensor:
    """TCFG (Kwon et al., 2025, arXiv 2503.18137): of the negative prediction, only the part along the first of the two directions
    that a singular value decomposition of both predictions gives::

        v = first right singular vector of (e_prompt, e_negative)
        n = <e_negative, v> v
        e = n + scale (e_prompt - n)
    """
    from diffusers.guiders import tangential_classifier_free_guidance as library

    del options, step
    return cast(Any, library.normalized_guidance)(prompt, negative, scale)


def magnitude_aware(prompt: Tensor, negative: Tensor, scale: float, options: MamboOptions, step: int) -> Tensor:
    """MAMBO-G (2025, arXiv 2508.03442)::

    r = |e_prompt - e_negative| / |e_negative|
    e = e_negative + (1 + (scale - 1) exp(-alpha r)) (e_prompt - e_negative)
    """
    from diffusers.guiders import magnitude_aware_guidance as library

    del step
    flat = (one.flatten(2) for one in (prompt, negative))  # the library takes the norm of no more than two dimensions
    return cast(Any, library.mambo_guidance)(*flat, scale, options.alpha).view_as(prompt)


def cfg_zero(options: ZeroOptions) -> ByDiffusers:
    """The guidance of `zero_star`."""
    return ByDiffusers(options, zero_star)


def tcfg(options: GuidanceOptions) -> ByDiffusers:
    """The guidance of `tangential`."""
    return ByDiffusers(options, tangential)


def mambo_g(options: MamboOptions) -> ByDiffusers:
    """The guidance of `magnitude_aware`."""
    return ByDiffusers(options, magnitude_aware)


@hookimpl
def register_guidances(register: Register) -> None:
    """Offer the guidances."""
    register("cfg-zero", options=ZeroOptions, factory=cfg_zero, summary="CFG-Zero*: for models trained by flow matching.")
    register("tcfg", options=GuidanceOptions, factory=tcfg, summary="Guidance along what both predictions have in common.")
    register("mambo-g", options=MamboOptions, factory=mambo_g, summary="Guidance that is held back where the update is large.")
