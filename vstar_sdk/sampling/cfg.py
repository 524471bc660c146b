"""``cfg``: classifier-free guidance. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vstar_sdk.options import GuidanceOptions
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.sampling.contract import NEGATIVE, PROMPT

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.attention.moment import Moment


class Cfg:
    """A `vstar_sdk.Guidance`: ``e = e_negative + scale (e_prompt - e_negative)`` (Ho and Salimans, 2022)."""

    branches = (NEGATIVE, PROMPT)

    def __init__(self, options: GuidanceOptions) -> None:
        self.options = options

    def combine(self, predictions: Mapping[str, Tensor], scale: float, moment: Moment) -> Tensor:
        """See `vstar_sdk.Guidance.combine`."""
        unguided, guided = predictions["negative"], predictions["prompt"]
        return unguided + scale * (guided - unguided)


@hookimpl
def register_guidances(register: Register) -> None:
    """Offer the guidance."""
    register("cfg", options=GuidanceOptions, factory=Cfg, summary="Classifier-free guidance.")
