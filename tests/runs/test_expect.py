"""What a spec expects of its video is the last stage of a run: the video is there, and the run fails where it is not so."""

from __future__ import annotations

import json
import pickle

import pytest

from tests.runs.test_measuring import Host
from vstar_sdk import ExpectationError, RunPaused, SpecError, StopRun, extended, hookimpl, redone
from vstar_sdk.errors import error_json

STORY = {
    "synopsis": {"states": ["a landscape in winter", "a landscape in autumn"]},
    "frames": 6,
    "regularizers": [],
    "sampling": {"steps": 2},
    "output": [{"use": "frames"}],
}


def expecting(**expect):
    return STORY | {"expect": expect}


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_a_video_that_is_as_expected_is_a_run_like_any_other(session, tmp_path):
    job = session.start(expecting(seam="> 0.5, < 99", frozen=False), out=tmp_path / "run")
    told = list(job.events())
    assert [event.stage for event in told if event.kind == "stage"][-2:] == ["decode", "expect"]
    assert [(event.name, event.expect, event.kept) for event in told if event.kind == "expect"] == [
        ("seam", "seam > 0.5", True),
        ("seam", "seam < 99", True),
        ("frozen", "frozen is false", True),
    ]
    kinds = [event.kind for event in told]
    assert kinds.index("artifact") < kinds.index("expect")
    assert kinds[-1] == "run_end"
    manifest = manifest_of(tmp_path / "run")
    assert list(manifest["metrics"]) == ["seam", "seam_at", "frozen"]
    assert manifest["expect"][2] == {"name": "frozen", "measured": 0.0, "expect": "frozen is false", "kept": True}
    assert manifest["seconds"]["expect"] >= 0


def test_one_that_is_not_is_written_and_the_run_fails(session, tmp_path):
    job = session.start(expecting(frozen=True, seam="< 99", evolution="> 0.9"), out=tmp_path / "run")
    with pytest.raises(ExpectationError) as refused:
        job.result()
    told = list(job.events())
    assert job.state == "failed"
    assert [event.kept for event in told if event.kind == "expect"] == [False, True, False]
    assert "run_end" not in [event.kind for event in told]
    assert told[-1].json()["error"]["type"] == "ExpectationError"
    error = refused.value
    assert error.exit_code == 8
    assert error.message.startswith("the video is not as expected: frozen is true was expected, and frozen is 0, evolution > 0.9")
    assert error.hint == f"it was written all the same; vstar check {tmp_path / 'run'} measures it again"
    manifest = manifest_of(tmp_path / "run")
    assert [(one["name"], one["kept"]) for one in manifest["expect"]] == [("frozen", False), ("seam", True), ("evolution", False)]
    assert all(one["measured"] == manifest["metrics"][one["name"]] for one in manifest["expect"])
    assert len(list((tmp_path / "run" / "frames").iterdir())) == 6
    assert (tmp_path / "run" / "latents.safetensors").is_file()
    assert not (tmp_path / "run" / "state").exists()
    assert error.result is not None
    assert error.result.manifest["expect"] == manifest["expect"]


def test_in_memory_the_error_holds_the_result_and_travels_without_it(session):
    with pytest.raises(ExpectationError) as refused:
        session.run(expecting(frozen=True))
    error = refused.value
    assert error.result is not None
    assert len(list(error.result.frames())) == 6
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)
    assert again.result is None
    assert error_json(again) == error_json(error)


def test_a_number_that_cannot_be_measured_is_an_error_beforehand(session, tmp_path):
    with pytest.raises(SpecError, match=r"expect\.order: the embedded world's judge reads the story in the prompt"):
        session.run(expecting(order="> 0"), out=tmp_path / "run")
    with pytest.raises(SpecError, match=r"expect\.seam: a seam cannot be measured on 2 frames: it needs 3"):
        session.run(expecting(seam="> 0") | {"frames": 2}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_plugins_number_is_expected_by_its_name_and_recorded_as_its_part(session, tmp_path):
    host = Host()
    result = session.run(expecting(**{"kit/brightness": "> 1"}), out=tmp_path / "run", plugins=[host])
    assert result.manifest["metrics"]["kit/brightness"] > 1
    assert [plugin["parts"] for plugin in result.manifest["plugins"]] == [["kit/brightness"]]


def test_the_resolved_spec_expects_the_same_of_the_same_metrics(session):
    result = session.run(expecting(seam="< 99", frozen=False))
    assert [options.part for options in result.spec.metrics] == ["seam", "frozen"]
    assert result.spec.expect == {"seam": "< 99", "frozen": False}
    again = session.run(result.spec)
    assert (again.spec, again.manifest["expect"]) == (result.spec, result.manifest["expect"])


def test_a_run_that_was_paused_is_held_to_it_when_it_is_done(session, tmp_path):
    with pytest.raises(RunPaused):
        session.start(expecting(frozen=True), out=tmp_path / "run", pause_after=1).result()
    assert not (tmp_path / "run" / "manifest.json").exists()
    with pytest.raises(ExpectationError):
        session.resume(tmp_path / "run").result()
    assert [one["kept"] for one in manifest_of(tmp_path / "run")["expect"]] == [False]


def test_reworked_runs_are_held_to_what_their_parent_was(session, tmp_path):
    session.run(expecting(frozen=False, seam="< 99"), out=tmp_path / "run")
    for name, spec in (("redo", redone(tmp_path / "run", 2, seed=5)), ("extend", extended(tmp_path / "run", 2))):
        result = session.run(spec, out=tmp_path / name)
        assert [one["expect"] for one in result.manifest["expect"]] == ["frozen is false", "seam < 99"]


def test_a_run_that_failed_it_can_be_worked_on(session, tmp_path):
    with pytest.raises(ExpectationError):
        session.run(expecting(frozen=True), out=tmp_path / "run")
    changed = redone(tmp_path / "run", 2, seed=5)
    assert session.run(changed | {"expect": {}}).manifest["expect"] == []
    with pytest.raises(ExpectationError):
        session.run(changed)


def test_observers_are_told_and_the_end_is_an_error_for_them(session):
    class Watcher:
        namespace = "watcher"

        def __init__(self):
            self.seen = []

        @hookimpl
        def on_expect(self, event):
            self.seen.append((event.name, event.kept))

        @hookimpl
        def on_run_end(self, event):
            self.seen.append("end")

        @hookimpl
        def on_run_error(self, event):
            self.seen.append(type(event.error).__name__)

    watcher = Watcher()
    with pytest.raises(ExpectationError):
        session.run(expecting(frozen=True, seam="<99"), plugins=[watcher])
    assert watcher.seen == [("frozen", False), ("seam", True), "ExpectationError"]


def test_an_observer_can_end_the_run_there_and_the_artifacts_stay(session, tmp_path):
    class Stopper:
        namespace = "stopper"

        @hookimpl
        def on_expect(self, event):
            raise StopRun("enough")

    job = session.start(expecting(frozen=False), out=tmp_path / "run", plugins=[Stopper()])
    list(job.events())
    assert job.state == "cancelled"
    assert len(list((tmp_path / "run" / "frames").iterdir())) == 6
