"""``alibi``: far frames weigh less, in a straight line (attention with linear biases; Press et al., ICLR 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from vstar_sdk.attention.operations import Bias
from vstar_sdk.options import Level, RegularizerOptions, at_level_0
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    from vstar_sdk.attention.sites import Site

Slope = Annotated[float, Field(gt=0.0)]
Slopes = Annotated[
    dict[Level, Slope],
    Field(min_length=1),
    BeforeValidator(at_level_0, json_schema_input_type=Slope | Annotated[dict[Level, Slope], Field(min_length=1)]),
]


class AlibiOptions(RegularizerOptions):
    """Options of `Alibi`."""

    slope: Slopes = Field(default={0: 0.1})
    """What a frame of distance takes from the logits, for each level; a single one means level 0. One slope for all heads, where
    the language models of the method's paper have one for each."""


class Alibi:
    """Adds ``-slope * |i - j|`` to the logits."""

    def __init__(self, options: AlibiOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> tuple[Bias, ...]:
        """One `Bias` without a statistic, at sites whose level has a slope; never in block ``init``."""
        slope = self.options.slope.get(site.level)
        if slope is None or site.block == "init":
            return ()
        return (Bias(lambda distance: -slope * distance.abs()),)


@hookimpl
def register_regularizers(register: Register) -> None:
    """Offer ``alibi``."""
    register("alibi", options=AlibiOptions, factory=Alibi, summary="Far frames weigh less, linearly in their distance.")
