"""A regularizer that changes nothing at all is refused, like one that touches nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest

from vstar_sdk.attention.branches import ChangedBranch
from vstar_sdk.attention.operations import Bias, Logits, Rotary, Scale, Skip
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.sites import RotaryPositions, SiteAddress
from vstar_sdk.attention.trial import check_effects
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SpecError
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions

ROTARY = RotaryPositions((1.0, 0.1))
FRAMES, TOKENS = SiteAddress("down", "down", 0, 2, 8), SiteAddress("block", "stack", 0, 2, 8, kind="joint", rotary=ROTARY)


class Asks:
    """A regularizer that asks for the same at every site."""

    def __init__(self, *operations: Any, **options: Any) -> None:
        self.options, self._operations = RegularizerOptions(**options), operations

    def operations(self, site: Any) -> Any:
        return self._operations


def checked(address: Any, *regularizers: Any, frames: int = 5) -> None:
    check_effects(plan_attention([address], regularizers, Clock(frames, 8.0), 10))


CONSTANT, BY_ROW = Bias(lambda d: 0 * d + 3), Bias(lambda d: (0 * d).add(d[:, :1]))
NOTHING, OWN = Bias(lambda d: 0 * d), Rotary(lambda positions, frequencies: positions[:, None] * frequencies)
FADING, COMES_ROUND = Bias(lambda d: -d.abs()), Rotary(lambda p, f: p[:, None] * (f + 2 * math.pi))
HALVES = Logits(lambda logits, distance: logits.div_(2))


@pytest.mark.parametrize(
    ("address", "operations"),
    [(FRAMES, (CONSTANT,)), (FRAMES, (BY_ROW, NOTHING)), (FRAMES, (Bias(CONSTANT.fn, "max"),)), (TOKENS, (NOTHING, OWN))],
    ids=["constant", "of its row", "times a statistic", "nothing"],
)
def test_what_a_softmax_does_not_see_is_refused_at_its_place(address, operations):
    with pytest.raises(SpecError, match="Asks: its operations change nothing at any of 1 sites") as refused:
        checked(address, Asks(FADING), Asks(*operations))
    assert refused.value.path == ("regularizers", 1)
    checked(address, Asks(*operations, strength=0))
    checked(address, Asks(*operations), frames=1)


@pytest.mark.parametrize(
    ("address", "operations"),
    [
        (FRAMES, (CONSTANT, FADING)),
        (TOKENS, (CONSTANT,)),  # there may be text beside the video, which has no bias
        (TOKENS, (COMES_ROUND,)),
        (FRAMES, (CONSTANT, HALVES)),
        (FRAMES, (NOTHING, Scale(q=2.0))),
        (FRAMES, (Bias(FADING.fn, strength=0.0),)),  # turned off, as strength 0 is
    ],
    ids=["one of two", "beside text", "whole turns", "before a change", "a scale", "off"],
)
def test_what_may_change_something_is_not(address, operations):
    checked(address, Asks(*operations))


def test_a_band_so_wide_that_it_is_one_constant_is_refused():
    with pytest.raises(SpecError, match="Tar: its operations change nothing"):
        checked(FRAMES, Tar(TarOptions(sigma={0: 1e9})))


def test_a_branch_of_a_guidance_that_would_be_like_another_is_refused():
    def plan(*operations: Any) -> Any:
        branches = [ChangedBranch("acme/guide", "worse", (0.0, 1.0), lambda site: operations)]
        return plan_attention([FRAMES], [], Clock(5, 8.0), 10, branches)

    with pytest.raises(SpecError, match="acme/guide: its branch worse changes nothing at any of 1 sites") as refused:
        check_effects(plan(CONSTANT))
    assert refused.value.path == ("sampling", "guidance")
    check_effects(plan(FADING))
    check_effects(plan(Skip()))
