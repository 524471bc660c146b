"""Metrics of a run: told while it is at work, kept in its manifest, never silently left out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vstar_sdk import Options, PluginError, RunCancelled, RunPaused, SpecError, StopRun, hookimpl
from vstar_sdk.metrics.flicker import Flicker
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.loading import load_spec

STORY = {
    "prompt": "a landscape from winter to autumn",
    "frames": 6,
    "synopsis": {"use": "miniworld", "states": 2},
    "regularizers": [],
    "sampling": {"steps": 2},
}


def measured(*metrics, **more):
    return STORY | {"metrics": [{"use": use} if isinstance(use, str) else use for use in metrics]} | more


class Host:
    """A host's plugin: a metric of its own, and eyes on everything."""

    namespace = "kit"

    def __init__(self, make=None):
        self.make = make or Brightness
        self.seen, self.frames, self.warnings = [], [], []

    @hookimpl
    def register_metrics(self, register):
        register("brightness", options=Options, factory=self.make, summary="The mean level.")

    @hookimpl
    def on_metric(self, event):
        self.seen.append((event.metric, dict(event.numbers)))

    @hookimpl
    def on_frames(self, event, frames):
        assert not frames.flags.writeable
        self.frames.append((event.done, event.total, frames.copy()))

    @hookimpl
    def on_warning(self, event):
        self.warnings.append(event.message)


class Brightness:
    numbers = ("flicker", "brightness")

    def __init__(self, options):
        pass

    def begin(self, clip):
        self.clip, self.levels = clip, []

    def add(self, frame):
        self.levels.append(frame.mean())

    def result(self):
        assert len(self.levels) == self.clip.frames
        return {"brightness": sum(self.levels) / len(self.levels), "flicker": 3}


def test_what_is_measured_is_in_the_manifest_the_events_and_the_hook_and_is_that_of_the_frames(session, tmp_path):
    host = Host()
    job = session.start(measured("flicker", "seam", "kit/brightness"), out=tmp_path / "run", plugins=[host])
    told = {event.metric: event for event in job.events() if event.kind == "metric"}
    result = job.result()
    frames = list(result.frames())
    flicker = Flicker(Options())
    flicker.begin(make_plan(load_spec(STORY)).final)
    for frame in frames:
        flicker.add(frame)
    numbers = result.manifest["metrics"]
    assert list(numbers) == ["flicker", "seam", "seam_at", "kit/flicker", "kit/brightness"]
    assert numbers["flicker"] == flicker.result()["flicker"] > 0
    assert numbers["kit/brightness"] == pytest.approx(np.mean(frames))
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["metrics"] == numbers
    assert told["kit/brightness"].json()["numbers"] == {"kit/flicker": 3.0, "kit/brightness": numbers["kit/brightness"]}
    assert host.seen == [(name, dict(event.numbers)) for name, event in told.items()]
    again = session.run(result.spec, plugins=[Host()])
    assert again.manifest["metrics"] == numbers


def test_a_run_in_memory_is_measured_too_and_one_without_metrics_decodes_nothing(session):
    assert session.run(measured("flicker")).manifest["metrics"]["flicker"] > 0
    host = Host()
    assert session.run(STORY, plugins=[host]).manifest["metrics"] == {}
    assert host.frames == []


def test_frames_are_shown_to_observers_as_they_are_written(session, tmp_path):
    host = Host()
    result = session.run(STORY | {"output": [{"use": "frames"}]}, out=tmp_path / "run", plugins=[host])
    assert [(done, total) for done, total, _ in host.frames] == [(n, 6) for n in range(1, 7)]
    assert all(shown.shape == (1, 64, 64, 3) for *_, shown in host.frames)
    assert (np.concatenate([shown for *_, shown in host.frames]) == np.stack(list(result.frames()))).all()


def test_warnings_are_told_to_observers(session):
    host = Host()
    result = session.run(STORY | {"prompt": "a purplish landscape from winter to autumn"}, plugins=[host])
    assert host.warnings == list(result.warnings) != []


@pytest.mark.parametrize("hook", ["on_frames", "on_metric"])
def test_an_observer_that_fails_is_counted_and_one_that_stops_ends_the_run(session, hook, tmp_path):
    def observer(error):
        def observe(event):
            raise error

        observe.__name__ = hook
        return type("Watcher", (), {hook: staticmethod(hookimpl(observe)), "namespace": "watcher"})()

    result = session.run(measured("flicker"), plugins=[observer(ValueError("no luck"))])
    assert any(f"failed in {hook}" in warning for warning in result.manifest["warnings"])
    with pytest.raises(RunCancelled):
        session.run(measured("flicker"), out=tmp_path / "run", plugins=[observer(StopRun("enough"))])
    assert not (tmp_path / "run").exists() or not list((tmp_path / "run").glob("*.mp4"))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (measured("flicker", frames=2), "metrics[0]: flicker cannot be measured on 2 frames: it needs 3"),
        (
            measured("evolution", frames=1, synopsis={"states": ["x"]}),
            "metrics[0]: evolution cannot be measured on 1 frame",
        ),
        (measured("change", synopsis={"states": ["x"]}), "metrics[0]: change compares key states, and this story has 1"),
        (measured("seam", "flicker", "flicker"), "metrics[2]: flicker measures flicker, which flicker already measures"),
        (measured("fliker"), "metrics[0].use: unknown metric 'fliker'. Did you mean 'flicker'?"),
        (measured({"use": "frozen", "treshold": 1}), "unknown key 'treshold'. Did you mean 'threshold'?"),
        (measured("mp4"), "'mp4' is not a metric: it is an exporter and goes under output[]"),
        (measured("miniworld", prompt="", synopsis={"states": ["winter", "autumn"]}), "metrics[0]: the embedded world's judge"),
        (measured("miniworld", size="96x64"), "metrics[0]: the embedded world's judge reads squares"),
    ],
    ids=str,
)
def test_what_cannot_be_measured_is_an_error_beforehand(spec, words):
    with pytest.raises(SpecError) as refused:
        make_plan(load_spec(spec))
    assert words in str(refused.value)


def test_the_judge_measures_a_run_of_its_world(session):
    spec = {"prompt": STORY["prompt"], "frames": 16, "sampling": {"steps": 2}, "metrics": [{"use": "miniworld"}]}
    numbers = session.run(spec).manifest["metrics"]
    assert numbers["scene"] > 0.9
    assert numbers["order"] > 0.9
    assert numbers["stage_error"] < 0.15


def test_a_run_that_was_paused_measures_what_an_undisturbed_one_does(session, tmp_path):
    spec = measured("flicker", "drift", finish=[{"use": "interpolate", "method": "blend"}])
    with pytest.raises(RunPaused):
        session.start(spec, out=tmp_path / "run", pause_after=1).result()
    resumed = session.resume(tmp_path / "run").result().manifest
    undisturbed = session.run(spec).manifest
    assert resumed["metrics"] == undisturbed["metrics"]
    assert (
        resumed["clip"]
        == undisturbed["clip"]
        == {
            "frames": 11,
            "width": 64,
            "height": 64,
            "fps": 16.0,
            "anchors": [0, 10],
        }
    )


def test_a_metric_of_a_plugin_that_breaks_its_contract_ends_the_run_by_name(session):
    class Short(Brightness):
        def result(self):
            return {"brightness": float("nan"), "flicker": 0}

    with pytest.raises(
        PluginError, match=r"metrics\[0\]: kit/brightness .*its result\(\) returned for 'brightness' nan, not a finite"
    ):
        session.run(measured("kit/brightness"), plugins=[Host(Short)])


def test_every_number_of_the_package_has_a_name_of_its_own():
    catalog = load_spec(STORY).catalog
    names = [name for part in catalog.parts("metrics") for name in part.make(part.options()).numbers]
    assert len({*names}) == len(names)
