"""The metric ``miniworld``: what the judge makes of renders whose story is known."""

from __future__ import annotations

import numpy as np
import pytest

from vstar_sdk import Options, SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.miniworld.judge import judge
from vstar_sdk.miniworld.judged import Judged
from vstar_sdk.miniworld.telling import story_numbers
from vstar_sdk.miniworld.world import scene
from vstar_sdk.miniworld.writer import read

PROMPT = "a landscape from winter to autumn"


def judged(frames, prompt=PROMPT):
    metric = Judged(Options())
    metric.begin(Footage(frames=len(frames), width=frames.shape[2], height=frames.shape[1], fps=8, prompt=prompt))
    for frame in frames:
        metric.add(frame)
    return dict(metric.result())


@pytest.fixture(scope="module")
def told():
    """A render of the story, longer than the judge reads at once."""
    reading = read(PROMPT)
    return scene(reading.family, 31).render(np.linspace(reading.start, reading.end, 40), np.arange(40.0))


def test_a_render_of_the_story_is_told_right_as_the_benchmark_says(told):
    numbers = judged(told)
    assert numbers["stage_error"] < 0.06
    assert numbers["order"] > 0.95
    assert numbers["scene"] > 0.9
    whole = story_numbers(judge().read(told), read(PROMPT))
    named = {"stage_error": whole["error"]} | {name: whole[name] for name in ("order", "moved", "scene")}
    assert numbers == pytest.approx(named, abs=1e-5)


def test_backwards_is_out_of_order(told):
    assert judged(told[::-1])["order"] < -0.95


def test_a_still_is_in_no_order_and_far_from_the_storys_end(told):
    still = judged(np.repeat(told[:1], 40, 0))
    assert abs(still["order"]) < 0.05
    assert still["stage_error"] > 0.2


def test_another_scene_is_seen():
    volcano = scene("volcano", 3).render(np.linspace(0, 1, 12), np.arange(12.0))
    assert judged(volcano)["scene"] < 0.1


def test_enlarged_frames_are_judged_as_the_small_ones(told):
    large = np.repeat(np.repeat(told[:8], 3, 1), 3, 2)
    assert judged(large) == pytest.approx(judged(told[:8]), abs=1e-5)


@pytest.mark.parametrize(
    ("clip", "words"),
    [
        ({"frames": 2}, "cannot be judged on 2 frames"),
        ({"width": 96}, "squares of 64 pixels or a multiple, not 96x64"),
        ({"prompt": "two cats dance"}, "reads the story in the prompt: no known scene"),
        ({"prompt": ""}, "the prompt has no words"),
        ({"prompt": "a landscape in winter, nothing changes"}, "nothing changes, so its order cannot be judged"),
    ],
    ids=str,
)
def test_what_it_cannot_judge_is_refused(clip, words):
    with pytest.raises(SpecError, match=words):
        Judged(Options()).begin(Footage(**{"frames": 8, "width": 64, "height": 64, "fps": 8, "prompt": PROMPT} | clip))
