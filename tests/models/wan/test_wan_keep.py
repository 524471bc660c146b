"""Kept frames on a model that compresses time, and whose decoder looks back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vstar_sdk import SpecError, extended, redone

SUMMER, WINTER, AUTUMN = "a green landscape in summer", "a snowy landscape in winter", "an orange landscape in autumn"


@pytest.fixture(scope="module")
def run(session, wan_21, tmp_path_factory):
    story = {
        "model": {"use": "wan", "path": str(wan_21)},
        "size": [16, 16],
        "frames": 17,
        "synopsis": {"states": [SUMMER, WINTER, AUTUMN]},
        "sampling": {"steps": 2},
        "output": [],
    }
    return session.run(story, out=tmp_path_factory.mktemp("runs") / "run")


def frames(result):
    return np.stack(list(result.frames()))


def test_a_clip_is_gone_on_with_by_whole_latent_frames_and_comes_back_byte_equal(session, run):
    spec = extended(run.directory, 3, [SUMMER])
    assert (spec["frames"], spec["start"]["keep"]) == (21, "0-16")
    longer = session.run(spec)
    assert torch.equal(longer.latents[:, :, :5], run.latents)
    assert np.array_equal(frames(longer)[:17], frames(run))


def test_a_state_takes_its_latent_frames_with_it_and_what_comes_before_is_byte_equal(session, run):
    (first, last), spec = run.timeline.spans()[1], redone(run.directory, 2)
    assert (first, last) == (4, 11)
    assert spec["start"]["keep"] == "0, 13-16"
    again = session.run(spec)
    same = [torch.equal(again.latents[:, :, at], run.latents[:, :, at]) for at in range(5)]
    assert same == [True, False, False, False, True]
    before, after = frames(run), frames(again)
    assert np.array_equal(after[0], before[0])
    assert not np.array_equal(after[13:], before[13:])  # the decoder looks back, at frames that were made


def test_half_a_latent_frame_is_refused_with_what_can_be_kept(session, run):
    spec = redone(run.directory, 2)
    with pytest.raises(SpecError, match=r"start.keep: frames 5-8 form one latent frame of this model") as caught:
        session.plan(spec | {"start": spec["start"] | {"keep": "0-6"}})
    assert caught.value.hint == "keep whole latent frames, such as 0-4"
