from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.errors import SpecError
from vstar_sdk.synopses import State
from vstar_sdk.timeline import build

GOLDEN = load_file(Path(__file__).parent / "golden" / "vsp_interpolation.safetensors")
STATES = st.integers(1, 9)


def states(*anchors):
    return [State(f"state {index}", at) for index, at in enumerate(anchors)]


def plain(count):
    return states(*[None] * count)


@pytest.mark.parametrize("key", [key for key in GOLDEN if key.endswith(".linear")])
def test_linear_agrees_with_the_recorded_interpolation(key):
    embeddings, expected = _case(key)
    weights = np.array(build(plain(len(embeddings)), len(expected), 8).weights)
    np.testing.assert_allclose(np.einsum("fs,std->ftd", weights, embeddings), expected, atol=1e-6)


@pytest.mark.parametrize("key", [key for key in GOLDEN if key.endswith(".same")])
def test_hold_agrees_but_for_the_last_frame_which_shows_the_last_state(key):
    embeddings, expected = _case(key)
    weights = np.array(build(plain(len(embeddings)), len(expected), 8, "hold").weights)
    ours = np.einsum("fs,std->ftd", weights, embeddings)
    np.testing.assert_allclose(ours[:-1], expected[:-1], atol=1e-6)
    np.testing.assert_array_equal(ours[-1], embeddings[-1])


@given(count=STATES, frames=st.integers(1, 200), interpolation=st.sampled_from(["linear", "hold", "smooth"]))
def test_rows_are_mixtures_and_anchors_show_their_state_alone(count, frames, interpolation):
    if count > frames:
        return
    timeline = build(plain(count), frames, 8, interpolation)
    weights = np.array(timeline.weights)
    assert weights.shape == (frames, count)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    assert (weights >= 0).all()
    np.testing.assert_array_equal(weights[list(timeline.anchors)], np.eye(count))


@given(count=STATES, frames=st.integers(9, 200))
def test_every_state_rules_a_stretch_of_its_own(count, frames):
    spans = build(plain(count), frames, 8).spans()
    assert spans[0][0] == 0
    assert spans[-1][1] == frames - 1
    assert all(second[0] == first[1] + 1 for first, second in pairwise(spans))


def test_default_anchors_are_the_papers():
    assert build(plain(4), 64, 8).anchors == (0, 21, 42, 63)
    assert build(plain(4), 16, 8).anchors == (0, 5, 10, 15)


def test_anchors_in_frames_seconds_and_percent_and_even_spacing_between():
    assert build(states(None, "2s", None, "75%", None), 65, 8).anchors == (0, 16, 32, 48, 64)


def test_before_the_first_anchor_the_first_state_holds_and_after_the_last_the_last():
    timeline = build(states(4, 8), 12, 8)
    assert timeline.weights[0] == timeline.weights[4] == (1.0, 0.0)
    assert timeline.weights[6] == (0.5, 0.5)
    assert timeline.weights[11] == (0.0, 1.0)


def test_smooth_eases_in_and_out():
    quarter = build(plain(2), 5, 8, "smooth").weights[1][1]
    assert quarter == pytest.approx(0.15625)


def test_one_state_one_frame():
    assert build(plain(1), 1, 8).weights == ((1.0,),)


@pytest.mark.parametrize(
    ("given_states", "frames", "path", "words"),
    [
        ([], 8, ("states",), "at least one state"),
        (plain(9), 8, ("states",), "9 states do not fit into 8 frames"),
        (states(None, 64), 64, ("states", 1, "at"), "beyond the clip"),
        (states(None, 40, 20), 64, ("states", 2, "at"), "anchors must increase"),
        (states(0, None, 1), 64, ("states", 2, "at"), "no room"),
        (states("12%", "12%"), 64, ("states", 1, "at"), "anchors must increase"),
    ],
)
def test_impossible_anchors_are_refused_with_their_place(given_states, frames, path, words):
    with pytest.raises(SpecError, match=words) as caught:
        build(given_states, frames, 8)
    assert caught.value.path == path


def _case(key):
    """State embeddings (K, tokens, dim) and the recorded frames (N, tokens, dim) of one recording."""
    return GOLDEN[key.rpartition(".")[0] + ".states"].astype(np.float64), GOLDEN[key]


@pytest.mark.parametrize("interpolation", ["linear", "hold", "smooth"])
def test_stretched_by_a_whole_factor_every_old_frame_keeps_its_mixture(interpolation):
    timeline = build([State("a"), State("b", 3), State("c")], 9, 8.0, interpolation)
    long = timeline.stretched(25)
    assert long.anchors == (0, 9, 24)
    for old, new in zip(timeline.weights, long.weights[::3], strict=True):
        assert new == pytest.approx(old)
    assert timeline.stretched(9) is timeline


def test_shrunk_it_holds_its_states_or_is_refused():
    timeline = build([State("a"), State("b"), State("c")], 9, 8.0)
    assert timeline.stretched(5).anchors == (0, 2, 4)
    assert build([State("a")], 1, 8.0).stretched(3).weights == ((1.0,),) * 3
    with pytest.raises(SpecError, match="3 states do not fit into 2 frames"):
        timeline.stretched(2)


def test_latent_frames_average_the_frames_that_they_stand_for():
    """The first is the first frame alone, each other one stands for the next four."""
    timeline = build([State("one"), State("two")], frames=9, fps=8.0)
    pooled = timeline.pooled(Clock(9, 8.0, Rhythm.causal(4)))
    assert pooled == ((1.0, 0.0), (1 - 2.5 / 8, 2.5 / 8), (1 - 6.5 / 8, 6.5 / 8))
    assert timeline.pooled(Clock(9, 8.0)) == timeline.weights


def test_the_weights_of_a_latent_frame_sum_to_1():
    for frames in (1, 5, 17, 65, 81):
        timeline = build([State(str(k)) for k in range(min(frames, 4))], frames=frames, fps=8.0, interpolation="smooth")
        pooled = timeline.pooled(Clock(frames, 8.0, Rhythm.causal(4)))
        assert len(pooled) == (frames - 1) // 4 + 1
        assert all(abs(sum(row) - 1.0) < 1e-12 for row in pooled)
