"""Mutated state lists are refused with a place, or give the matrix of an oracle that shares no code with the timeline."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vstar_sdk.errors import SpecError
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.loading import load_spec

CAPTIONS = ["a bud", "a flower", "a fruit", "a seed"]


def rounded(value: Fraction) -> int:
    """To the nearest whole number, halves to even."""
    return int((Decimal(value.numerator) / Decimal(value.denominator)).to_integral_value(ROUND_HALF_EVEN))


def frame_of(at: object, frames: int, fps: int) -> int | None:
    """The frame that a moment names, or None if it names none."""
    if isinstance(at, bool):
        return None
    if isinstance(at, int):
        frame = Fraction(at)
    else:
        written = re.fullmatch(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(s|%|)\s*", str(at))
        if not isinstance(at, str) or not written:
            return None
        amount = Fraction(written[1])
        if written[2] == "%" and amount > 100:
            return None
        scaled = {"s": amount * fps, "%": amount / 100 * (frames - 1), "": amount}[written[2]]
        if written[2] == "" and scaled.denominator != 1:
            return None
        frame = Fraction(rounded(scaled))
    return int(frame) if 0 <= frame < frames else None


def oracle(states: list[dict[str, Any]], frames: int, fps: int, interpolation: str) -> np.ndarray[Any, Any] | None:
    """``(frames, states)`` by searching; None where no such timeline exists."""
    if not 1 <= len(states) <= frames or any(not state["caption"].strip() for state in states):
        return None
    anchors: list[int | None] = [None] * len(states)
    for index, state in enumerate(states):
        if "at" in state:
            anchors[index] = frame_of(state["at"], frames, fps)
            if anchors[index] is None:
                return None
    if anchors[0] is None:
        anchors[0] = 0
    if anchors[-1] is None:
        anchors[-1] = frames - 1
    known = [index for index, anchor in enumerate(anchors) if anchor is not None]
    for left, right in pairwise(known):
        first, last = anchors[left], anchors[right]
        assert first is not None
        assert last is not None
        if last - first < right - left:
            return None
        for index in range(left, right):
            anchors[index] = int(Fraction((index - left) * (last - first), right - left) // 1) + first
    at = np.array(anchors, float)
    matrix = np.array([[np.interp(frame, at, np.eye(len(at))[k]) for k in range(len(at))] for frame in range(frames)])
    if interpolation == "smooth":
        later = np.array([at[at > frame].min() if (at > frame).any() else np.inf for frame in range(frames)])
        rising = at[None, :] == later[:, None]
        b = np.where(rising, matrix, 0).sum(1, keepdims=True)
        eased = 3 * b**2 - 2 * b**3
        matrix = np.where(rising, eased, np.where(matrix > 0, 1 - eased, 0))
    if interpolation == "hold":
        reached = np.maximum((at[None, :] <= np.arange(frames)[:, None]).sum(1) - 1, 0)
        matrix = np.eye(len(at))[reached]
    return matrix


RELAXED: Any = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}

MOMENT = st.one_of(
    st.integers(-2, 20),
    st.sampled_from(["40%", "0%", "100%", "101%", "1.5s", ".5s", "2s", "9s", "7", "7.5", " 25 % ", "soon", "-1", "1e2", True]),
)
STATE = st.fixed_dictionaries({"caption": st.sampled_from([*CAPTIONS, *CAPTIONS, " "])}, optional={"at": MOMENT})


@st.composite
def cases(draw) -> tuple[list[dict[str, Any]], int, int, str]:
    """States, frames, frames a second, interpolation: in order at first, then changed in a place or two."""
    frames, fps = draw(st.integers(1, 16)), draw(st.sampled_from([4, 8, 25]))
    interpolation = draw(st.sampled_from(["linear", "smooth", "hold"]))
    if draw(st.booleans()):
        return draw(st.lists(STATE, max_size=6)), frames, fps, interpolation
    count = draw(st.integers(1, min(frames, 5)))
    anchors = sorted(draw(st.sets(st.integers(0, frames - 1), min_size=count, max_size=count)))
    states: list[dict[str, Any]] = [{"caption": CAPTIONS[k % 4], "at": anchor} for k, anchor in enumerate(anchors)]
    for state in states:
        if draw(st.booleans()):
            del state["at"]
    if draw(st.integers(0, 3)) == 0:
        states[draw(st.integers(0, count - 1))] = draw(STATE)
    return states, frames, fps, interpolation


def check(folder: Path, case: tuple[list[dict[str, Any]], int, int, str]) -> None:
    """Plan a spec with these states, and compare its matrix with the oracle's."""
    states, frames, fps, interpolation = case
    file = folder / "story.yaml"
    data = {
        "frames": frames,
        "fps": fps,
        "synopsis": {"use": "states", "states": states},
        "timeline": {"interpolation": interpolation},
        "regularizers": [],
    }
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    expected = oracle(states, frames, fps, interpolation)
    if expected is None:
        with pytest.raises(SpecError, match=rf"^{re.escape(str(file))}:\d+:\d+: ") as refused:
            make_plan(load_spec(file))
        assert "states" in str(refused.value)
    else:
        story = make_plan(load_spec(file)).story
        assert story is not None
        np.testing.assert_allclose(np.array(story.timeline.weights), expected, atol=1e-12)


@settings(max_examples=60, derandomize=True, phases=[Phase.generate, Phase.shrink], **RELAXED)
@given(case=cases())
def test_a_mutated_timeline_is_the_oracles_or_refused_with_a_place(tmp_path_factory, case):
    check(tmp_path_factory.mktemp("story"), case)


@pytest.mark.slow
@settings(max_examples=1000, **RELAXED)
@given(case=cases())
def test_many_mutated_timelines_are_the_oracles_or_refused_with_a_place(tmp_path_factory, case):
    check(tmp_path_factory.mktemp("story"), case)


def test_the_cases_hold_both_kinds():
    """The test above would prove little if nearly all of its cases were refused."""
    kinds: list[bool] = []

    @settings(max_examples=200, derandomize=True, **RELAXED)
    @given(case=cases())
    def count(case):
        kinds.append(oracle(*case) is None)

    count()
    assert 0.2 < sum(kinds) / len(kinds) < 0.8
