"""Runs that are interrupted go on to the same bytes; what is in the way of that is told."""

from __future__ import annotations

import json
from typing import Any, cast

import numpy as np
import pytest
import yaml
from PIL import Image

from vstar_sdk import Options, State, Synopsis, events, hookimpl
from vstar_sdk.errors import OutputError, RunCancelled, RunPaused, SamplerError, SpecError
from vstar_sdk.runs.saved import Saved
from vstar_sdk.runs.unfinished import resumable

STORY = {
    "prompt": "a landscape from winter to autumn",
    "frames": 4,
    "seed": 3,
    "sampling": {"steps": 8, "eta": 1.0},
    "output": [{"use": "frames", "path": "stills"}],
}


@pytest.fixture(scope="module")
def undisturbed(session):
    return np.stack(list(session.run(STORY).frames()))


def interrupted(session, directory, spec=STORY, step=2, plugins=()):
    """A run that is cancelled at a step."""
    job = session.start(spec, out=directory, plugins=plugins)
    for event in job.events():
        if isinstance(event, events.Step) and event.step == step:
            job.cancel()
    with pytest.raises(RunCancelled):
        job.result()
    return job


def frames(result):
    return np.stack(list(result.frames()))


def test_a_cancelled_run_goes_on_to_the_same_frames(session, undisturbed, tmp_path):
    cancelled = interrupted(session, tmp_path / "run")
    assert (tmp_path / "run" / "state" / "sampler").is_file()
    job = session.resume(tmp_path / "run")
    told = list(job.events())
    first, *others = [event.step for event in told if isinstance(event, events.Step)]
    assert first > 2
    assert [first, *others] == list(range(first, 9))
    assert np.array_equal(frames(job.result()), undisturbed)
    assert job.id == cancelled.id
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "latents.safetensors",
        "manifest.json",
        "spec.yaml",
        "stills",
        "synopsis.json",
    ]


def test_a_run_pauses_as_often_as_it_is_asked_to(session, undisturbed, tmp_path):
    first = session.start(STORY, out=tmp_path / "run", pause_after=1)
    with pytest.raises(RunPaused, match="after step 1") as caught:
        first.result()
    assert caught.value.hint == f"continue with: vstar resume {tmp_path / 'run'}"
    assert first.state == "paused"
    paused = [*first.events()][-1]
    assert isinstance(paused, events.Paused)
    assert paused.preview == tmp_path / "run" / "state" / "preview.png"
    with Image.open(tmp_path / "run" / "state" / "preview.png") as preview:
        preview.load()
    with pytest.raises(RunPaused, match="after step 4"):
        session.resume(tmp_path / "run", pause_after=4).result()
    assert np.array_equal(frames(session.resume(tmp_path / "run").result()), undisturbed)


def test_a_run_that_dies_after_sampling_only_decodes(session, undisturbed, tmp_path, monkeypatch):
    job = session.start(STORY, out=tmp_path / "run")
    for event in job.events():
        if isinstance(event, events.StageStart) and event.stage == "decode":
            job.cancel()
    with pytest.raises(RunCancelled):
        job.result()
    assert not (tmp_path / "run" / "state" / "sampler").exists()
    job = session.resume(tmp_path / "run")
    assert not any(isinstance(event, events.Step) for event in job.events())
    assert np.array_equal(frames(job.result()), undisturbed)


class Writer:
    """A synopsis part that costs something."""

    offline = False

    def __init__(self, options):
        self.asked = 0

    def write(self, brief):
        self.asked += 1
        return Synopsis((State("a landscape in winter"), State("a landscape in summer")))

    def close(self):
        pass


class Paid:
    def __init__(self):
        self.writers = []

    @hookimpl
    def register_synopses(self, register):
        def make(options):
            self.writers.append(Writer(options))
            return self.writers[-1]

        register("paid", options=Options, factory=make, summary="Costs something.")


def test_a_writer_is_not_asked_twice_and_plugins_that_were_passed_are_asked_for(session, tmp_path):
    plugin = Paid()
    spec = STORY | {"synopsis": {"use": "paid/paid"}}
    namespaced = type("paid", (Paid,), {})()
    del plugin
    interrupted(session, tmp_path / "run", spec, plugins=[namespaced])
    assert sum(writer.asked for writer in namespaced.writers) == 1
    with pytest.raises(SpecError):
        session.resume(tmp_path / "run")
    session.resume(tmp_path / "run", plugins=[namespaced]).result()
    assert sum(writer.asked for writer in namespaced.writers) == 1


def test_a_spec_that_was_changed_meanwhile_is_told_with_what_changed(session, tmp_path):
    interrupted(session, tmp_path / "run")
    spec = tmp_path / "run" / "spec.yaml"
    written = yaml.safe_load(spec.read_text())
    spec.write_text(yaml.safe_dump(written | {"seed": 4}))
    with pytest.raises(SpecError, match="was changed after the run started: seed was 3 and is 4"):
        session.resume(tmp_path / "run")


def test_a_state_of_other_versions_is_refused(session, tmp_path):
    interrupted(session, tmp_path / "run")
    about = tmp_path / "run" / "state" / "about.json"
    data = json.loads(about.read_text())
    about.write_text(json.dumps(data | {"versions": data["versions"] | {"torch": "1.0"}}))
    with pytest.raises(OutputError, match=r"started with other versions: .*torch 1\.0"):
        session.resume(tmp_path / "run")
    for other in ({"format": data["format"] + 1}, {"format": None}, {"versions": {}}):
        about.write_text(json.dumps(data | other))
        with pytest.raises(OutputError, match="started with other versions: "):
            session.resume(tmp_path / "run")
    about.write_text(json.dumps(data))
    session.resume(tmp_path / "run").result()


def test_a_damaged_state_is_refused(session, tmp_path):
    interrupted(session, tmp_path / "run")
    about = tmp_path / "run" / "state" / "about.json"
    written = about.read_text()
    for text in ("", "[]", "{}"):
        about.write_text(text)
        assert not resumable(tmp_path / "run")
        with pytest.raises(OutputError, match=r"state/about\.json is damaged$"):
            session.resume(tmp_path / "run")
    about.write_text(written)
    (tmp_path / "run" / "state" / "sampler").write_bytes(b"nothing")
    with pytest.raises(SamplerError, match="has no readable state"):
        session.resume(tmp_path / "run")


def test_a_whole_run_and_an_empty_folder_cannot_be_resumed(session, tmp_path):
    directory = session.run(STORY, out=tmp_path / "run").directory
    (directory / "state").mkdir()  # as a process leaves it that died at its very end
    with pytest.raises(OutputError, match="is finished"):
        session.resume(directory)
    assert not (directory / "state").exists()
    (directory / "state").mkdir()
    run = json.loads((directory / "manifest.json").read_text())["run"]
    (directory / "state" / "about.json").write_text(json.dumps({"run": run}))
    with pytest.raises(OutputError, match="is finished"):
        session.resume(directory)
    assert not (directory / "state").exists()
    with pytest.raises(OutputError, match="there is no interrupted run"):
        session.resume(tmp_path)


def test_another_run_in_the_same_directory_begins_anew(session, undisturbed, tmp_path):
    interrupted(session, tmp_path / "run", STORY | {"seed": 9})
    assert np.array_equal(frames(session.run(STORY, out=tmp_path / "run")), undisturbed)
    assert not (tmp_path / "run" / "state").exists()


def test_another_run_does_not_take_the_place_of_one_that_is_paused(session, undisturbed, tmp_path):
    with pytest.raises(RunPaused):
        session.start(STORY, out=tmp_path / "run", pause_after=1).result()
    with pytest.raises(OutputError, match="a run is paused in") as caught:
        session.run(STORY | {"seed": 9}, out=tmp_path / "run")
    assert "vstar resume" in (caught.value.hint or "")
    assert np.array_equal(frames(session.resume(tmp_path / "run").result()), undisturbed)
    session.run(STORY | {"seed": 9}, out=tmp_path / "run")


def test_a_run_over_a_whole_one_can_go_on_too(session, undisturbed, tmp_path):
    earlier = session.run(STORY | {"seed": 9}, out=tmp_path / "run")
    interrupted(session, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["run"] == earlier.id
    assert np.array_equal(frames(session.resume(tmp_path / "run").result()), undisturbed)


def test_a_folder_of_the_same_name_is_left_alone(session, tmp_path):
    (tmp_path / "run" / "state").mkdir(parents=True)
    (tmp_path / "run" / "state" / "mine.txt").write_text("keep")
    with pytest.raises(OutputError, match="was not written by a run"):
        session.run(STORY, out=tmp_path / "run")
    assert (tmp_path / "run" / "state" / "mine.txt").read_text() == "keep"


def test_a_run_that_fails_before_anything_is_made_leaves_nothing(session, tmp_path):
    spec = STORY | {"model": {"use": "modelscope", "path": str(tmp_path / "absent")}}
    with pytest.raises(Exception, match="absent"):
        session.run(spec, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("until", [0, 8, 12])
def test_a_pause_that_is_not_ahead_is_refused(session, tmp_path, until):
    with pytest.raises(SpecError, match=f"cannot pause after step {until}: it goes from 0 to 8"):
        session.start(STORY, out=tmp_path / "run", pause_after=until).result()
    assert not (tmp_path / "run").exists()


def test_a_run_in_memory_cannot_be_paused(session):
    with pytest.raises(OutputError, match="without a directory cannot be paused"):
        session.start(STORY, pause_after=2)


def test_states_take_a_small_share_of_the_time(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("vstar_sdk.runs.saved.time.perf_counter", lambda: now[0])
    saved, written = Saved(tmp_path), 0
    (tmp_path / "state").mkdir()
    saved.go_on()

    def state():
        now[0] += 0.1  # what it costs

    for _ in range(1000):
        now[0] += 0.5
        if saved.due():
            saved.keep_sampler(cast(Any, state))
            written += 1
    assert 50 < written <= 103  # 0.1 s each, of 510 s
