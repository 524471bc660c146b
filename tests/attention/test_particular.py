"""A regularizer that refuses others: what it is told of, and what becomes of its refusal."""

from __future__ import annotations

import pytest

from vstar_sdk.attention.operations import Bias
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SpecError
from vstar_sdk.options import RegularizerOptions

SITES = [SiteAddress("one", "down", 0, 2, 4), SiteAddress("other", "down", 1, 2, 4)]


class Near:
    def __init__(self, levels=(0, 1), window=(0.0, 1.0)):
        self.options, self.levels = RegularizerOptions(window=window), levels

    def operations(self, site):
        return [Bias(lambda distance: -distance.abs())] if site.level in self.levels else []


class Particular(Near):
    def __init__(self, refuses=None, **options):
        super().__init__(**options)
        self.told, self.refuses = [], refuses

    def beside(self, site, before, after):
        self.told.append((site.name, before, after))
        if self.refuses in before or self.refuses in after:
            raise SpecError("not beside that one", path=("window",))


def plan(*regularizers, steps: int | None = 4):
    return plan_attention(SITES, regularizers, Clock(4, 8.0), steps)


def test_it_is_told_of_the_others_that_act_at_its_site_in_one_of_its_steps():
    first, elsewhere, later, last = Near(), Near(levels=(1,)), Near(window=(0.5, 1.0)), Near(window=(0.25, 0.5))
    asked = Particular(levels=(0,), window=(0.0, 0.5))
    plan(first, elsewhere, asked, later, last)
    assert asked.told == [("one", [first], [last])]


@pytest.mark.parametrize("place", [0, 1])
def test_its_refusal_has_its_place_in_the_spec(place):
    other = Near()
    regularizers = [other, other]
    regularizers[place] = Particular(other)
    with pytest.raises(SpecError, match="not beside that one") as caught:
        plan(*regularizers)
    assert caught.value.path == ("regularizers", place, "window")


def test_steps_that_are_not_known_are_compared_as_windows():
    asked = Particular(window=(0.0, 0.5))
    plan(asked, Near(window=(0.5, 1.0)), steps=None)
    assert asked.told == [("one", [], []), ("other", [], [])]
