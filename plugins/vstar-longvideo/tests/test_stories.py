"""Stories that come round, and stories at other speeds."""

from __future__ import annotations

import numpy as np
import pytest
from vstar_longvideo.pacing import paced

from vstar_sdk import SpecError, load_spec

YEAR = [f"a landscape in {season}" for season in ("winter", "spring", "summer", "autumn")]
STATES = {"use": "states", "states": YEAR}


def anchors(session, story, synopsis, frames=17):
    return session.plan(story | {"frames": frames, "synopsis": synopsis}).story.timeline.anchors


def test_a_cycle_ends_with_its_first_state(session, story):
    told = session.plan(story | {"frames": 17, "synopsis": {"use": "longvideo/cycle", "of": STATES}}).story
    assert told.timeline.anchors == (0, 4, 8, 12, 16)
    assert told.timeline.weights[16] == (0, 0, 0, 0, 1)
    assert [state.caption for state in told.synopsis.states] == [*YEAR, YEAR[0]]


def test_a_cycle_leaves_room_for_the_way_back(session, story):
    """Three states at 0, 8 and 16, squeezed by 2/3, and the first again at 16."""
    paced_states = {"use": "longvideo/pacing", "of": {"use": "states", "states": YEAR[:3]}, "times": [0, 8, 16]}
    assert anchors(session, story, {"use": "longvideo/cycle", "of": paced_states}) == (0, 5, 11, 16)


@pytest.mark.parametrize(
    ("anchors", "speeds", "expected"),
    [([0, 4, 8, 16], [1, 1, 1], [0, 4, 8, 16]), ([0, 10, 20], [1, 4], [0, 16, 20]), ([2, 6, 10], [3, 1], [2, 4, 10])],
)
def test_speeds_against_the_formula(anchors, speeds, expected):
    assert paced(anchors, speeds) == expected


def test_speeds_in_a_run_whatever_their_scale(session, story):
    """17 frames in three ways of 16/3, the one in the middle at half the speed: parts of 1, 2 and 1."""
    for speeds in ([2, 1, 2], [1, 0.5, 1]):
        assert anchors(session, story, {"use": "longvideo/pacing", "of": STATES, "speeds": speeds}) == (0, 4, 12, 16)


def test_states_that_the_writer_placed_are_moved_from_there(session, story):
    placed = {"use": "states", "states": [YEAR[0], {"caption": YEAR[1], "at": "25%"}, YEAR[2]]}
    assert anchors(session, story, {"use": "longvideo/pacing", "of": placed, "speeds": [1, 3]}) == (0, 8, 16)


def test_key_times_in_a_run(session, story):
    assert anchors(session, story, {"use": "longvideo/pacing", "of": STATES, "times": [0, "1s", 10, "100%"]}) == (0, 8, 10, 16)


def test_a_paced_cycle_with_tar_and_even_speeds_are_the_plain_run_to_the_bit(session, story):
    def frames(synopsis):
        regularizers = [{"use": "tar", "sigma": 1, "window": [0, 1]}]
        return np.stack(list(session.run(story | {"synopsis": synopsis, "regularizers": regularizers}).frames()))

    cycle = {"use": "longvideo/cycle", "of": STATES}
    plain = frames(cycle)
    assert np.array_equal(frames({"use": "longvideo/pacing", "of": cycle, "speeds": [2, 2, 2, 2]}), plain)
    paced_story = {"use": "longvideo/pacing", "of": cycle, "speeds": [1, 2, 3, 4]}
    assert anchors(session, story, paced_story) != anchors(session, story, cycle)


def _placed(*moments):
    return [{"caption": caption, "at": at} for caption, at in zip(YEAR, moments, strict=False)]


@pytest.mark.parametrize(
    ("synopsis", "match"),
    [
        ({"use": "longvideo/cycle", "of": {"use": "states", "states": YEAR[:1]}}, r"synopsis\.of.*at least two states"),
        ({"use": "longvideo/pacing", "of": STATES, "speeds": [1, 2]}, r"synopsis\.speeds: .*2 speeds .* 4 states"),
        ({"use": "longvideo/pacing", "of": STATES, "times": [0, 1]}, r"synopsis\.times: .*2 times .* 4 states"),
        ({"use": "longvideo/pacing", "of": STATES, "speeds": [1, 999, 1]}, r"speeds\[1\].*states 2 and 3 .* frame 8"),
        (
            {"use": "longvideo/pacing", "of": {"use": "states", "states": _placed(0, 10, 5)}, "speeds": [2, 1]},
            r"synopsis\.of.*state 3 stands at frame 5, and state 2 before it at frame 10",
        ),
        (
            {"use": "longvideo/cycle", "of": {"use": "states", "states": _placed(0, 2, 3, 16)}},
            r"synopsis\.of.*states 2 and 3 would both be in frame 2",
        ),
        ({"use": "longvideo/pacing", "of": STATES}, "either speeds or times"),
        ({"use": "longvideo/pacing", "of": STATES, "speeds": [1, 1, 1], "times": [0, 1, 2, 3]}, "either speeds or times"),
    ],
)
def test_what_has_no_meaning_is_refused_with_its_place(session, story, synopsis, match):
    with pytest.raises(SpecError, match=match):
        session.plan(story | {"frames": 17, "synopsis": synopsis})


def test_a_writer_that_needs_a_network_is_checked_and_not_asked_while_validating(session):
    llm = {"use": "llm", "backend": {"use": "anthropic", "model": "some-model"}, "states": 9}
    loaded = load_spec({"prompt": "a year", "frames": 8, "synopsis": {"use": "longvideo/cycle", "of": llm}})
    with pytest.raises(SpecError, match=r"synopsis\.of\.states: 9 states do not fit"):
        session.plan(loaded)


def test_states_that_are_written_inside_need_no_prompt(session):
    spec = {"frames": 17, "synopsis": {"use": "longvideo/pacing", "of": STATES, "speeds": [1, 3, 1]}}
    assert session.plan(spec).story.synopsis.states[1].caption == YEAR[1]
    with pytest.raises(SpecError, match="the spec has no prompt"):
        load_spec({"synopsis": {"use": "longvideo/cycle", "of": {"use": "llm"}}})
