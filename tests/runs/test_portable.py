"""What crosses the border of a process: specs, plans, errors and events by pickle, events and results as JSON."""

from __future__ import annotations

import inspect
import json
import pickle
import subprocess
import sys

import pytest

from vstar_sdk import RunSpec, Session, errors, events, hookimpl, load_spec
from vstar_sdk.synopses import State, Synopsis
from vstar_sdk.timeline import build

STORY = {
    "prompt": "a landscape from winter to autumn",
    "frames": 4,
    "sampling": {"steps": 2},
    "regularizers": [{"use": "tar", "sigma": {0: "1s"}}, {"use": "temperature", "scale": 1.1}],
    "output": [{"use": "gif"}],
}


def there_and_back(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301  (our own bytes)


@pytest.mark.parametrize("as_file", [False, True])
def test_a_spec_and_what_was_loaded_are_equal_after_the_journey(tmp_path, as_file):
    (tmp_path / "story.json").write_text(json.dumps(STORY | {"regularizers": [{"use": "tar"}]}))
    loaded = load_spec(tmp_path / "story.json" if as_file else STORY)
    assert there_and_back(loaded) == loaded
    spec = there_and_back(loaded.spec)
    assert spec == loaded.spec
    assert isinstance(spec, RunSpec)
    assert spec.model_dump() == loaded.spec.model_dump()
    assert there_and_back(spec) == spec != load_spec(STORY | {"seed": 5}).spec


def test_what_was_left_to_the_model_is_left_to_it_after_the_journey():
    spec = load_spec(STORY | {"regularizers": [{"use": "tar"}]}).spec
    (tar,), (again,) = spec.regularizers, there_and_back(spec).regularizers
    assert again.model_fields_set == tar.model_fields_set == {"use"}
    assert load_spec(spec).spec.regularizers[0].model_fields_set == {"use"}


def test_places_in_the_file_are_known_after_the_journey(tmp_path):
    (tmp_path / "story.yaml").write_text("prompt: a volcano\nframes: 4\nregularizers:\n  - {use: tar, sigma: {3: 1}}\n")
    loaded = there_and_back(load_spec(tmp_path / "story.yaml"))
    with pytest.raises(errors.SpecError, match=r"story\.yaml:4:\d+: regularizers\[0\]"), Session() as session:
        session.plan(loaded)


def test_a_plan_is_equal_after_the_journey_and_runs_the_same(session):
    plan = session.plan(STORY)
    again = there_and_back(plan)
    assert again == plan
    assert again.attention.describe(2) == plan.attention.describe(2)
    assert (session.run(again).latents == session.run(plan).latents).all()


class Watcher:
    """A host's plugin at the top of a module."""

    namespace = "watcher"

    def __init__(self):
        self.steps = 0

    @hookimpl
    def on_step(self, event):
        self.steps += 1


def test_plugins_that_were_passed_travel_too(session):
    watcher = Watcher()
    plan = session.plan(STORY, plugins=[watcher])
    again = there_and_back(plan)
    session.run(again)
    (plugin,) = again.loaded.given
    assert (plugin.source.steps, watcher.steps) == (2, 0)
    spec = there_and_back(plan.spec)
    assert spec == plan.spec


FRESH = """
import pickle, sys
plan, spec, error, event = pickle.load(open(sys.argv[1], "rb"))
from vstar_sdk import load_spec
assert spec == load_spec(spec).spec
print(plan.summary(), spec.regularizers[0].sigma, type(error).__name__, error.hint, error.path, event.json()["error"]["message"])
"""


def test_a_fresh_process_reads_them(session, tmp_path):
    plan, error = session.plan(STORY), errors.SpecError("wrong", hint="mend it", path=("regularizers", 0))
    things = (plan, plan.spec, error, events.RunFailed(run="a", error=error))
    (tmp_path / "pickled").write_bytes(pickle.dumps(things))
    done = subprocess.run([sys.executable, "-c", FRESH, str(tmp_path / "pickled")], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == f"{plan.summary()} {{0: '1s'}} SpecError mend it ('regularizers', 0) wrong"


ERRORS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_arrives_with_hint_and_path(kind):
    error = kind("what went wrong") if kind is errors.StopRun else kind("what went wrong", hint="what to do")
    if isinstance(error, errors.SpecError):
        error = error.under("model", 0)
    again = there_and_back(error)
    assert type(again) is kind
    assert (str(again), vars(again)) == (str(error), vars(error))


class Awkward(Exception):
    """An exception that is made from other arguments than it keeps, as many are."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


SYNOPSIS = Synopsis((State("a"), State("b", "50%")), transcript=({"answer": 1},))
SAMPLES = {
    "queued": {"position": 2},
    "run_start": {"frames": 4, "seed": 1, "directory": None},
    "stage": {"stage": "load"},
    "synopsis": {"synopsis": SYNOPSIS, "timeline": build(SYNOPSIS.states, 4, 8.0)},
    "model_loaded": {"model": "tiny", "device": "cpu", "seconds": 1.0},
    "step": {"step": 1, "steps": 2, "timestep": 999.0, "seconds": 0.5, "eta": 0.5},
    "decoded": {"done": 1, "total": 4},
    "metric": {"metric": "seam", "numbers": {"seam": 1.5, "seam_at": 3.0}},
    "expect": {"name": "seam", "measured": 1.5, "expect": "seam < 3", "kept": True},
    "artifact": {"exporter": "gif", "path": "run/video.gif"},
    "warning": {"message": "look"},
    "paused": {"step": 2, "directory": "run"},
    "run_end": {"seconds": 2.0, "directory": None},
    "run_error": {"error": errors.ModelError("absent", hint="find it")},
}
KINDS = {kind.kind: kind for kind in vars(events).values() if inspect.isclass(kind) and issubclass(kind, events.Event)}


def test_every_kind_of_event_is_tried():
    assert {*SAMPLES, "event"} == {*KINDS}


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_event_is_pickled_and_has_a_json_form(kind):
    event = KINDS[kind](run="r", number=3, **SAMPLES[kind])
    again = there_and_back(event)
    assert again.json() == event.json() == json.loads(json.dumps(event.json()))
    assert kind == "run_error" or again == event
    assert next(iter(event.json())) == "kind"
    assert event.json()["number"] == 3


def test_an_error_that_cannot_be_pickled_arrives_as_words_with_its_exit_code():
    event = there_and_back(events.RunFailed(run="r", error=Awkward("this", "that")))
    assert isinstance(event.error, errors.VstarError)
    assert "unexpected Awkward" in event.error.message
    assert "this and that" in event.error.message
    held = errors.ModelError("no", hint="yes")
    held.socket = lambda: None  # pyright: ignore[reportAttributeAccessIssue]
    event = there_and_back(events.RunFailed(run="r", error=held))
    assert event.json()["error"] | {"type": ""} == {"type": "", "message": "no", "hint": "yes", "exit_code": 5}


def test_a_finished_run_is_json_as_a_whole(session, tmp_path):
    job = session.start(STORY, out=tmp_path / "run")
    told = json.loads(json.dumps([event.json() for event in job.events()]))
    assert told == [event.json() for event in map(there_and_back, job.events())]
    assert told[-1]["directory"] == str(tmp_path / "run")
    result = json.loads(json.dumps(job.result().json()))
    assert result["artifacts"] == [str(tmp_path / "run" / "video.gif")]
    assert load_spec(result["spec"]).spec == job.result().spec
    assert result["manifest"]["run"] == result["id"] == job.id
