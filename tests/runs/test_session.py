from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from vstar_sdk import RunCancelled, SamplerError, Session, SpecError, StopRun, events, hookimpl, run
from vstar_sdk.output.metadata import read_spec

STORY = {"prompt": "a landscape from winter to autumn", "frames": 6, "sampling": {"steps": 3}}


def digest(result):
    return hashlib.sha256(b"".join(frame.tobytes() for frame in result.frames())).hexdigest()


def test_frames_from_memory_and_no_file(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = session.run(STORY)
    frames = list(result.frames())
    assert len(frames) == 6
    assert frames[0].shape == (64, 64, 3)
    assert frames[0].dtype == np.uint8
    assert result.directory is None
    assert not list(tmp_path.iterdir())


def test_a_seed_means_the_same_and_another_seed_another_video(session):
    first, again, other = (session.run(STORY | {"seed": seed}) for seed in (1, 1, 2))
    assert digest(first) == digest(again) != digest(other)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_hosts_default_precision_does_not_change_the_video(session, dtype):
    story = {"prompt": "a volcano wakes up", "frames": 4, "sampling": {"steps": 2}}
    wanted = session.run(story).latents
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        made = session.run(story).latents
    finally:
        torch.set_default_dtype(before)
    assert torch.equal(made, wanted)


def test_the_resolved_spec_gives_the_same_frames_and_asks_no_writer(session, tmp_path):
    first = session.run(STORY | {"seed": 3}, out=tmp_path / "first")
    assert first.spec.synopsis.part == "states"
    again = session.run(tmp_path / "first" / "spec.yaml", out=tmp_path / "again")
    assert digest(first) == digest(again)
    assert (tmp_path / "again" / "spec.yaml").read_text() == (tmp_path / "first" / "spec.yaml").read_text()
    assert (tmp_path / "again" / "video.mp4").read_bytes() == (tmp_path / "first" / "video.mp4").read_bytes()
    assert read_spec(tmp_path / "first" / "video.mp4") == (tmp_path / "first" / "spec.yaml").read_text()


def test_the_model_is_loaded_once(session):
    before = session.run(STORY).adapter
    assert session.run(STORY | {"seed": 9}).adapter is before


def test_events_tell_the_run_from_beginning_to_end(session):
    job = session.start(STORY)
    kinds = [event.kind for event in job.events()]
    assert kinds[0] == "run_start"
    assert kinds[-1] == "run_end"
    assert kinds.count("step") == 3
    assert kinds.index("synopsis") < kinds.index("model_loaded") < kinds.index("step")
    assert job.result().synopsis.states[0].caption.startswith("a landscape in winter")
    assert job.done
    assert list(job.events(since=len(kinds))) == []


def test_cancel_ends_at_the_next_step_and_leaves_no_artifact(session, tmp_path):
    job = session.start(STORY | {"frames": 16, "sampling": {"steps": 20}}, out=tmp_path / "run")
    steps = 0
    for event in job.events():
        if isinstance(event, events.Step):
            steps += 1
            job.cancel()
    assert steps <= 2
    with pytest.raises(RunCancelled):
        job.result()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["spec.yaml", "state", "synopsis.json"]


def test_the_model_is_as_before_after_a_cancelled_run(session):
    before = digest(session.run(STORY))
    job = session.start(STORY)
    for event in job.events():
        if isinstance(event, events.Step):
            job.cancel()
    assert digest(session.run(STORY)) == before


def test_a_wrong_spec_is_refused_before_the_thread_begins(session):
    with pytest.raises(SpecError, match="frames"):
        session.start(STORY | {"frames": 0})


class Watcher:
    """A host's plugin object: counts steps, fails once, and may stop the run."""

    def __init__(self, stop_at=None):
        self.steps, self.stop_at = [], stop_at

    @hookimpl
    def on_step(self, event):
        self.steps.append(event.step)
        if event.step == self.stop_at:
            raise StopRun("enough")

    @hookimpl
    def on_run_start(self, event):
        raise RuntimeError("an observer's fault is nobody's loss")


def test_an_observer_sees_every_step_and_its_faults_are_not_fatal(session):
    watcher = Watcher()
    session.run(STORY, plugins=[watcher])
    assert watcher.steps == [1, 2, 3]


def test_an_observer_can_stop_the_run(session):
    watcher = Watcher(stop_at=2)
    with pytest.raises(RunCancelled, match="enough"):
        session.run(STORY, plugins=[watcher])
    assert watcher.steps == [1, 2]


def test_two_guidance_batches_agree_and_guidance_1_needs_one(session):
    one, two = (session.run(STORY | {"sampling": {"steps": 3, "guidance_batch": batch}}) for batch in ("one", "two"))
    np.testing.assert_allclose(one.latents, two.latents, atol=1e-3)


def test_tar_changes_the_video_and_none_differs_from_it(session):
    with_tar, without = (session.run(STORY | {"regularizers": which}) for which in ([{"use": "tar", "sigma": {0: 1}}], []))
    assert digest(with_tar) != digest(without)


def test_run_alone(tmp_path):
    result = run(STORY | {"output": [{"use": "frames"}, {"use": "gif"}]}, out=tmp_path / "run")
    assert sorted(path.name for path in result.artifacts) == ["frames", "video.gif"]
    assert len(list((tmp_path / "run" / "frames").iterdir())) == 6


def test_a_second_run_in_the_same_folder_replaces_the_first(session, tmp_path):
    first = session.run(STORY | {"seed": 1}, out=tmp_path / "run")
    second = session.run(STORY | {"seed": 2}, out=tmp_path / "run")
    assert first.manifest["artifacts"] != second.manifest["artifacts"]
    assert "seed: 2" in (tmp_path / "run" / "spec.yaml").read_text()


def test_states_outside_of_the_world_are_shown_with_a_warning_that_names_the_words(session):
    states = ["a beach at noon", "a green dragon flies over the beach"]
    spec = STORY | {"prompt": "a dragon", "synopsis": {"use": "states", "states": states}}
    job = session.start(spec)
    told = [event.message for event in job.events() if event.kind == "warning"]
    result = job.result()
    assert told == list(result.warnings) == list(result.manifest["warnings"])
    (warning,) = told
    assert "state 2" in warning
    assert "'dragon'" in warning
    assert "'beach'" not in warning


def test_words_of_a_prompt_that_played_no_part_are_warned_of(session):
    (warning,) = session.run(STORY | {"prompt": "a cosy village from winter to spring"}).warnings
    assert "'cosy'" in warning


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")])
def test_no_memory_left_is_one_clear_error(session, monkeypatch, error):
    def fails(*arguments, **named):
        raise error

    monkeypatch.setattr("vstar_sdk.runs.stages.sample.denoise", fails)
    with pytest.raises(SamplerError, match="not enough memory for 6 frames of 64x64"):
        session.run(STORY)


def test_another_error_of_the_sampler_stays_what_it_is(session, monkeypatch):
    def fails(*arguments, **named):
        raise RuntimeError("something else")

    monkeypatch.setattr("vstar_sdk.runs.stages.sample.denoise", fails)
    with pytest.raises(RuntimeError, match="something else"):
        session.run(STORY)


def test_the_latents_are_the_hosts_to_change(session):
    result = session.run(STORY | {"frames": 4})
    result.latents.mul_(0.5)
    assert not result.latents.is_inference()


def test_what_there_was_no_room_for_is_free_again_after_the_error(session, monkeypatch):
    import gc
    import weakref

    import torch

    from vstar_sdk.miniworld.adapter import MiniworldAdapter

    held = []

    def fails(self, latents, timestep, text):
        activations = torch.zeros(1000)
        held.append(weakref.ref(activations))
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(MiniworldAdapter, "denoise", fails)
    gc.disable()
    try:
        with pytest.raises(SamplerError, match="not enough memory"):
            session.run(STORY | {"frames": 4})
        assert held[0]() is None
    finally:
        gc.enable()


def test_every_step_shows_what_the_clip_is_going_to_be(tmp_path, monkeypatch):
    monkeypatch.setenv("VSTAR_CACHE_DIR", str(tmp_path))  # nothing was learned of its colours before
    spec = {"prompt": "a volcano wakes up", "frames": 4, "sampling": {"steps": 3}}
    steps: list[events.Step] = []

    class Watches:
        @hookimpl
        def on_step(self, event):
            steps.append(event)

    with Session() as session:
        job = session.start(spec, previews=True, plugins=[Watches()])
        final = np.stack(list(job.result().frames())).astype(float)
    small = final.reshape(4, 8, 8, 8, 8, 3).mean((2, 4))  # a latent stands for 8x8 pixels
    off = []
    for step in steps:
        assert step.preview is not None
        assert "preview" not in step.json()
        off.append(np.abs(step.preview.frames() - small).mean())
    assert off[-1] < 25
    assert off[-1] < off[0]
    kept = [event.preview for event in job.events() if isinstance(event, events.Step)]
    assert kept == [None, None, steps[-1].preview]  # each holds the latents of the clip


def test_without_being_asked_for_there_are_no_previews(session):
    job = session.start({"prompt": "a volcano wakes up", "frames": 4, "sampling": {"steps": 1}})
    assert [event.preview for event in job.events() if isinstance(event, events.Step)] == [None]
