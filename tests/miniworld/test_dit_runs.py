"""Runs on the joint sibling of the embedded model: one spec, from the prompt to the frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from vstar_sdk import SpecError, extended, load_spec
from vstar_sdk.runs.plan import make_plan

STORY: dict[str, Any] = {
    "prompt": "a volcano wakes up",
    "model": {"use": "trial/dit", "device": "cpu"},
    "synopsis": {"use": "miniworld"},
    "frames": 6,
    "regularizers": [],
    "sampling": {"steps": 2},
    "output": [],
}


@pytest.fixture(scope="module")
def run(session, dit_plugin):
    return lambda changes, **more: session.run(STORY | changes, plugins=[dit_plugin], **more)


@pytest.fixture(scope="module")
def plain(run):
    return run({})


def test_a_story_is_told(plain):
    assert plain.latents.shape == (1, 16, 6, 8, 8)
    frames = np.stack(list(plain.frames()))
    assert frames.shape == (6, 64, 64, 3)
    assert frames.std() > 1


@pytest.mark.parametrize(
    "changes",
    [
        {"regularizers": [{"use": "tar", "sigma": 1}]},
        pytest.param({"timeline": {"use": "relay"}}, marks=pytest.mark.slow),
        pytest.param({"regularizers": [{"use": "window", "radius": 1}]}, marks=pytest.mark.slow),
        pytest.param({"regularizers": [{"use": "alibi"}]}, marks=pytest.mark.slow),
        pytest.param({"regularizers": [{"use": "uniform"}]}, marks=pytest.mark.slow),
    ],
)
def test_methods_change_the_clip(run, plain, changes):
    changed = run(changes)
    assert changed.latents.isfinite().all()
    assert (changed.latents - plain.latents).abs().max() > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", [{"use": "riflex", "frequency": 2}, {"use": "ultravico", "trained_frames": 16}, {"use": "freelong"}], ids=str
)
def test_so_do_those_for_clips_beyond_its_length(run, method):
    long = {"frames": 40}
    changed = run(long | {"regularizers": [{**method, "use": f"longvideo/{method['use']}"}]})
    assert (changed.latents - run(long).latents).abs().max() > 1e-4


def test_a_clip_is_gone_on_with_frame_by_frame(run, plain, session, dit_plugin, tmp_path):
    first = run({}, out=tmp_path / "run")
    assert torch.equal(first.latents, plain.latents)
    spec = extended(tmp_path / "run", 3, ["a cooled volcano, grey ash"], plugins=[dit_plugin])
    assert (spec["frames"], spec["start"]["keep"]) == (9, "0-5")
    longer = session.run(spec, plugins=[dit_plugin])
    assert torch.equal(longer.latents[:, :, :6], first.latents)


def test_the_plan_says_that_a_long_clip_is_beyond_the_model(dit_plugin):
    plan = make_plan(load_spec(STORY | {"frames": 65}, plugins=[dit_plugin]))
    assert "65 frames: miniworld-dit makes clips of 16" in " ".join(plan.warnings())


def test_a_scheduler_that_cannot_match_flows_is_refused(run):
    with pytest.raises(SpecError, match="scheduler 'ddim' is not for models trained by flow matching"):
        run({"sampling": {"steps": 2, "scheduler": "ddim"}})
