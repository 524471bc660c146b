"""Every gate refuses the fault that it is for, and no clean clip of any family."""

from __future__ import annotations

import pytest

from benchmarks.gates import CALM, CASES, STORY, drawn, made, measure, table, wrong
from vstar_sdk.miniworld.grammar import families


@pytest.fixture(scope="module")
def found():
    clips = list(drawn([0]))
    assert {clip.family for clip in clips} == {*families()}
    return measure(clips)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gates_are_red_where_they_must_be_and_green_where_they_must_be(found, case):
    counts = found[case.name]
    assert {gate: counts[gate] for gate in case.red} == dict.fromkeys(case.red, (8, 8))
    assert {gate: counts[gate] for gate in case.green} == dict.fromkeys(case.green, (0, 8))


def test_every_gate_is_red_for_a_fault_and_green_for_clean_clips():
    assert {gate for case in CASES for gate in case.red} == {*STORY, *CALM}
    assert {gate for case in CASES if case.mutate is None for gate in case.green} == {*STORY, *CALM}


def test_what_is_not_so_is_told_and_the_table_says_what_must_be(found):
    assert wrong(found) == []
    spoilt = {**found, "hard cut": {**found["hard cut"], "cuts": (7, 8), "frozen": (1, 8)}}
    assert wrong(spoilt) == ["hard cut: frozen refuses 1 of 8", "hard cut: cuts refuses 7 of 8"]
    assert "| backwards | **8 of 8** | 0 of 8 |" in table(found)


@pytest.mark.slow
def test_it_is_so_with_other_seeds_and_with_clips_that_the_model_makes():
    assert wrong(measure(list(drawn(range(1, 6))))) == []
    assert wrong(measure(list(made([3])))) == []
