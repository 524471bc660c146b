"""The numbers of the nursing benchmark, on clips whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.nursing.conditions import PANS, STORIES, Run, runs
from benchmarks.nursing.measure import one, read_records
from benchmarks.nursing.metrics import pan_numbers, picture_numbers
from vstar_sdk import Session
from vstar_sdk.miniworld.colouring import colour_shown
from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.judge import judge
from vstar_sdk.miniworld.telling import rank_correlation, story_numbers
from vstar_sdk.miniworld.world import scene
from vstar_sdk.miniworld.writer import read


def told(family, frames=24, seed=31):
    reading = read(STORIES[family].format(colour="red"))
    stages = np.linspace(reading.start, reading.end, frames)
    return scene(family, seed).render(stages, np.arange(float(frames))), reading


def judged(frames, reading):
    return story_numbers(judge().read(frames), reading)


@pytest.mark.parametrize("family", STORIES)
def test_a_render_of_the_story_is_nearly_without_error(family):
    numbers = judged(*told(family))
    assert numbers["error"] < 0.06
    assert numbers["moved"] > 0.85
    assert numbers["order"] > 0.95
    assert numbers["scene"] > 0.9


def test_a_still_clip_does_not_move_and_is_wrong():
    frames, reading = told("landscape")
    numbers = judged(np.repeat(frames[:1], 24, 0), reading)
    assert abs(numbers["moved"]) < 0.05
    assert numbers["first"] < 0.1
    assert numbers["last"] > 0.2


def test_a_story_backwards_is_out_of_order():
    frames, reading = told("volcano")
    assert judged(frames[::-1], reading)["order"] < -0.9


def test_flicker_is_told_from_evolution():
    way = np.linspace(0, 200, 20).astype(np.uint8)[:, None, None, None] * np.ones((1, 64, 64, 3), np.uint8)
    assert picture_numbers(way)["evolution"] == 200
    assert picture_numbers(way)["flicker"] < 2
    jumping = way.copy()
    jumping[::2] = 0
    assert picture_numbers(jumping)["flicker"] > 50


@pytest.mark.parametrize(("camera", "step"), [("right", 3.0), ("left", -3.0)])
def test_a_pan_has_its_speed_and_side(camera, step):
    frames = scene("landscape", 4).render(np.full(12, 0.5), np.arange(12.0), 100 + step * np.arange(12.0))
    assert pan_numbers(frames, camera) == {"speed": 3.0, "steady": pytest.approx(1.0, abs=0.1), "right": 1.0}
    other = "left" if camera == "right" else "right"
    assert pan_numbers(frames, other)["right"] == 0.0


def test_a_standing_camera_goes_to_no_side():
    frames = scene("city", 4).render(np.full(12, 0.5), np.arange(12.0))
    assert pan_numbers(frames, "right")["right"] == 0.0


COLOURED = [name for name, family in families().items() if family.colours]


@pytest.mark.parametrize("family", [pytest.param(name, marks=[] if name == "flower" else pytest.mark.slow) for name in COLOURED])
def test_colours_of_renders_are_told(family):
    right = 0
    for seed in range(20):
        layout = scene(family, seed)
        right += colour_shown(layout.render(np.linspace(0, 1, 8), np.arange(8.0)), family) == layout.colour
    assert right >= 19


def test_rank_correlation():
    assert rank_correlation(np.array([0.0, 1, 2, 5])) == pytest.approx(1)
    assert rank_correlation(np.zeros(4)) == 0


def test_every_story_and_pan_is_read_as_what_it_says():
    for run in runs(2, 2):
        assert run.reading.family == run.family
        assert run.reading.unknown == ()
        assert (run.reading.camera == "still") == (run.kind == "story")
    assert set(STORIES) == set(families())
    assert set(PANS) == {name for name, family in families().items() if family.pans}


def test_a_run_is_measured_and_its_record_found_again(tmp_path):
    with Session() as session:
        record = one(session, Run("story", "volcano", "VSP + TAR 4", 6, 0), tmp_path)
        plain = one(session, Run("story", "volcano", "VSP", 6, 0), tmp_path)
    assert (record["family"], record["variant"], record["frames"]) == ("volcano", "VSP + TAR 4", 6)
    assert record["near"] > plain["near"]
    assert record["entropy"] < plain["entropy"]
    (tmp_path / "0.jsonl").write_text(json.dumps(record) + "\n" + json.dumps(plain)[:40])
    assert read_records(tmp_path) == [record]
    assert (tmp_path / "story-volcano-VSP+TAR4-6.npy").exists()
