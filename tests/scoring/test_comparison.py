"""Pairs, intervals and what may be called a finding, against what is computed by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vstar_sdk.metrics.intervals import Interval, interval
from vstar_sdk.scoring.comparison import FEWEST, Row, compare
from vstar_sdk.scoring.measures import MEASURES


def test_the_interval_is_that_of_all_resamples_there_are():
    """Of four values there are 256: their means, all of them, have the percentiles that the draws come near to."""
    values = [0.3, -1.2, 2.5, 0.9]
    means = [sum(drawn) / 4 for drawn in itertools.product(values, repeat=4)]
    found = interval(values)
    assert found.mean == pytest.approx(sum(values) / 4)
    assert (found.low, found.high) == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.05)
    assert found.n == 4
    assert interval(values) == found


def test_the_interval_of_many_values_is_that_of_the_normal_law():
    values = np.random.default_rng(1).normal(3, 2, 4000).tolist()
    found, half = interval(values), 1.96 * np.std(values) / np.sqrt(4000)
    assert (found.low, found.high) == pytest.approx((found.mean - half, found.mean + half), abs=0.005)


def test_one_value_has_itself_for_an_interval_and_none_has_none():
    assert interval([0.5]) == Interval(0.5, 0.5, 0.5, 1)
    with pytest.raises(ValueError, match="at least one value"):
        interval([])


@pytest.mark.slow
def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    found = [interval(rng.normal(0, 1, 24).tolist(), resamples=1000) for _ in range(1000)]
    assert 0.91 <= np.mean([one.holds_zero for one in found]) <= 0.97


def test_only_pairs_are_compared():
    ours = {("volcano", 0): {"order": 1.0, "flicker": 0.2}, ("volcano", 1): {"order": 0.5}, ("beach", 0): {"order": 0.0}}
    theirs = {("volcano", 0): {"order": 0.5}, ("volcano", 1): {"order": 0.2, "flicker": 0.1}, ("beach", 1): {"order": 9.0}}
    (row,) = compare(ours, theirs)
    assert row.measure.name == "order"
    assert (row.value.mean, row.against.mean, row.difference.mean) == pytest.approx((0.75, 0.35, 0.4))
    assert [one.n for one in (row.value, row.against, row.difference)] == [2, 2, 2]


def of(name: str, differences: list[float]) -> Row:
    clips = range(len(differences))
    ours, theirs = {("x", n): {name: differences[n]} for n in clips}, {("x", n): {name: 0.0} for n in clips}
    return compare(ours, theirs)[0]


@pytest.mark.parametrize(
    ("name", "differences", "verdict"),
    [
        ("order", [0.1] * FEWEST, "better"),
        ("order", [-0.1] * FEWEST, "worse"),
        ("stage_error", [-0.1] * FEWEST, "better"),
        ("stage_error", [0.1] * FEWEST, "worse"),
        ("evolution", [0.1] * FEWEST, "differs"),
        ("order", [0.1] * (FEWEST - 1), ""),
        ("order", [0.1, -0.1] * FEWEST, ""),
        ("order", [0.0] * FEWEST, ""),
    ],
)
def test_what_is_a_finding(name, differences, verdict):
    assert of(name, differences).verdict == verdict


def test_measures_have_the_names_of_metrics_numbers():
    from vstar_sdk.plugin.discovery import built_in_catalog

    catalog = built_in_catalog()
    for measure in MEASURES:
        part = catalog.part("metrics", measure.metric)
        assert measure.name in part.make(part.options()).numbers
