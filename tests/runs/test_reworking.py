"""Specs that work on a finished run: one state made anew, or the story gone on with."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from vstar_sdk import extended, load_spec, redone
from vstar_sdk.errors import SpecError
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.document import parse

STATES = ["a landscape in winter", "a landscape in spring", "a landscape in summer"]
STORY = {
    "synopsis": {"states": STATES, "style": "soft light"},
    "frames": 8,
    "seed": 3,
    "sampling": {"steps": 2},
    "output": [],
}


@pytest.fixture(scope="module")
def run(session, tmp_path_factory):
    return session.run(STORY, out=tmp_path_factory.mktemp("runs") / "story")


def frames(result):
    return np.stack(list(result.frames()))


def test_the_frames_of_a_state_are_made_anew_and_the_others_kept(session, run):
    spec = redone(run.directory, 2)
    assert spec["start"] == {"from": str(run.directory), "keep": "0-1, 5-7"}
    assert spec["seed"] == 4
    again = session.run(spec)
    assert again.timeline == run.timeline
    same = [bool(np.array_equal(one, other)) for one, other in zip(frames(run), frames(again), strict=True)]
    assert same == [True, True, False, False, False, True, True, True]


def test_another_caption_keeps_the_seed_and_the_other_states(run):
    spec = redone(run.directory, 3, caption="a landscape in autumn")
    assert [state["caption"] for state in spec["synopsis"]["states"]] == [*STATES[:2], "a landscape in autumn"]
    assert spec["synopsis"]["style"] == "soft light"
    assert (spec["seed"], redone(run.directory, 3, caption="a landscape in autumn", seed=8)["seed"]) == (3, 8)


@pytest.mark.parametrize("state", [0, 4])
def test_a_state_that_is_not_there_is_told(run, state):
    with pytest.raises(SpecError, match=rf"state {state}: the run in .* has states 1 to 3"):
        redone(run.directory, state)


def test_a_state_that_rules_all_frames_is_told(session, tmp_path):
    session.run(STORY | {"synopsis": {"states": STATES[:1]}, "frames": 2}, out=tmp_path / "run")
    with pytest.raises(SpecError, match=r"state 1 covers all frames of the run in .*, so nothing would be kept"):
        redone(tmp_path / "run", 1)


def test_a_run_is_gone_on_with_and_its_states_stay_at_their_frames(session, run):
    spec = extended(run.directory, "0.5s", ["a landscape in autumn", "a landscape in winter"])
    assert spec["start"] == {"from": str(run.directory), "keep": "0-7"}
    assert spec["frames"] == 12
    longer = session.run(spec)
    assert longer.timeline.anchors == (*run.timeline.anchors, 9, 11)
    assert longer.timeline.weights[:8] == tuple((*row, 0.0, 0.0) for row in run.timeline.weights)
    assert np.array_equal(frames(longer)[:8], frames(run))
    assert longer.manifest["parent"] == run.id


def test_what_was_gone_on_with_can_be_gone_on_with(session, run, tmp_path):
    session.run(extended(run.directory, 2, ["a landscape in autumn"]), out=tmp_path / "longer")
    spec = extended(tmp_path / "longer", "50%")
    assert (spec["frames"], spec["start"]) == (15, {"from": str(tmp_path / "longer"), "keep": "0-9"})
    assert [state["at"] for state in spec["synopsis"]["states"]] == [0, 3, 7, 9]


def test_a_story_that_ended_before_its_last_frame_changes_after_it(session, tmp_path):
    states = [STATES[0], {"caption": STATES[1], "at": 3}]
    first = session.run(STORY | {"frames": 8, "synopsis": {"states": states}}, out=tmp_path / "run")
    plan = session.plan(extended(tmp_path / "run", 8, ["a landscape in autumn", "a landscape in winter"]))
    assert plan.story is not None
    assert plan.story.timeline.anchors == (0, 3, 7, 11, 15)
    kept = plan.story.timeline.weights[:8]
    assert [(row[0], row[1] + row[2]) for row in kept] == list(first.timeline.weights)
    assert plan.story.timeline.weights[7] == (0, 0, 1, 0, 0)
    assert plan.story.synopsis.states[2].caption == STATES[1]


def test_states_that_hold_begin_where_the_new_frames_do(session, tmp_path):
    spec = STORY | {"timeline": {"interpolation": "hold"}, "frames": 4, "synopsis": {"states": STATES[:2]}}
    session.run(spec, out=tmp_path / "run")
    plan = session.plan(extended(tmp_path / "run", 4, STATES[:2]))
    assert plan.story is not None
    assert plan.story.timeline.anchors == (0, 3, 4, 6)


@pytest.mark.parametrize(
    ("by", "words"), [("0s", "that is less than one frame"), ("-1", "must be frames"), ("0.2", "that is less than one frame")]
)
def test_a_length_that_is_none_is_told(run, by, words):
    with pytest.raises(SpecError, match=words):
        extended(run.directory, by)


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(SpecError, match="there is no finished run in"):
        redone(tmp_path, 1)


def test_the_page_stories_does_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "stories.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    exec(compile(source, "docs/stories.md", "exec"), {})  # noqa: S102
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["winter", "winter-2", "winter-3"]
    (spec,) = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    kept = make_plan(load_spec(parse(spec).data)).kept
    assert kept is not None
    assert (kept.frames, kept.lead) == ((0, 1, 6, 7), 0.4)
