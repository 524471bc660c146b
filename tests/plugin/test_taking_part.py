"""Observers, transforms and parts taking part in runs: by `plugins:`, by `-p`, and as objects of a host."""

from __future__ import annotations

import json
import types

import numpy as np
import pytest

from vstar_sdk import (
    Bias,
    Conditioning,
    PluginError,
    RegularizerOptions,
    RunCancelled,
    SpecError,
    State,
    StopRun,
    Synopsis,
    hookimpl,
    load_spec,
)
from vstar_sdk.runs.plan import make_plan

STORY = {"prompt": "a volcano wakes up", "frames": 2, "synopsis": {"use": "miniworld", "states": 2}, "sampling": {"steps": 2}}

LOGGER = """
    import os
    from vstar_sdk import hookimpl

    def say(text):
        with open(os.environ["ACME_LOG"], "a") as file:
            file.write(text + "\\n")

    @hookimpl
    def on_run_start(event): say(f"start {event.frames}")
    @hookimpl
    def on_synopsis(event): say(f"synopsis {len(event.synopsis.states)}")
    @hookimpl
    def on_model_loaded(event): say(f"model {event.model}")
    @hookimpl
    def on_step(event): say(f"step {event.step}/{event.steps}")
    @hookimpl
    def on_artifact(event): say(f"artifact {event.exporter}")
    @hookimpl
    def on_run_end(event): say("end")
    @hookimpl
    def on_run_error(event): say(f"error {event.error}")
"""

SEEN = ["start 2", "synopsis 2", "model miniworld", "step 1/2", "step 2/2", "artifact gif", "end"]


@pytest.fixture
def log(packages, tmp_path, monkeypatch):
    """A logger, installed; gives what it has written."""
    path = tmp_path / "log.txt"
    monkeypatch.setenv("ACME_LOG", str(path))
    packages.add("acme", LOGGER)
    return lambda: path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def story(tmp_path):
    path = tmp_path / "story.yaml"
    path.write_text(json.dumps(STORY | {"output": [{"use": "gif"}]}))
    return path


def test_a_plugin_of_observers_takes_part_where_the_spec_lists_it(log, session, tmp_path):
    result = session.run(STORY | {"output": [{"use": "gif"}], "plugins": ["acme"]}, out=tmp_path / "run")
    assert log() == SEEN
    (record,) = result.manifest["plugins"]
    assert (record["name"], record["distribution"], record["parts"]) == ("acme", "vstar-acme 1.2", [])
    assert "on_step" in record["hooks"]


def test_it_takes_part_by_the_command_line_and_the_resolved_spec_says_so(log, packages, story, tmp_path):
    result = packages.vstar("run", story, "-p", "acme", "-o", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert log() == SEEN
    assert "plugins:\n- acme" in (tmp_path / "run" / "spec.yaml").read_text()
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["plugins"][0]["name"] == "acme"


def test_it_takes_no_part_where_nobody_lists_it(log, session):
    result = session.run(STORY)
    assert log() == []
    assert result.manifest["plugins"] == []


def test_validate_takes_the_option_too(log, packages, story):
    assert packages.vstar("validate", story, "-p", "acme").returncode == 0
    result = packages.vstar("validate", story, "--plugin", "acmee")
    assert result.returncode == 2
    assert "no installed package brings the namespace 'acmee'. Did you mean 'acme'?" in result.stderr
    assert log() == []


def test_switches_keep_it_out(log, packages, story):
    for flags, environment in (
        (["--no-plugins"], {}),
        ([], {"VSTAR_DISABLE_PLUGINS": "other, acme"}),
        ([], {"VSTAR_PLUGINS": "other"}),
        ([], {"VSTAR_PLUGINS": ""}),
    ):
        result = packages.vstar(*flags, "validate", story, "-p", "acme", **environment)
        assert result.returncode == 3, (flags, environment)
        assert "the plugin acme (vstar-acme 1.2) is switched off" in result.stderr
        (record,) = [
            record
            for record in json.loads(packages.vstar(*flags, "plugins", "--json", **environment).stdout)
            if record["name"] == "acme"
        ]
        assert (record["state"], record["import_ms"]) == ("off", None)
    assert packages.vstar("validate", story, "-p", "acme", VSTAR_PLUGINS="acme").returncode == 0


def test_names_and_objects_can_be_passed_by_a_host(log, session):
    watcher = Watcher()
    result = session.run(STORY, plugins=["acme", watcher])
    assert "step 2/2" in log()
    assert watcher.steps == [1, 2]
    assert [record["name"] for record in result.manifest["plugins"]] == ["acme", "watcher"]
    assert result.spec.plugins == ["acme"]


class Watcher:
    """A host's observer."""

    def __init__(self):
        self.steps = []

    @hookimpl
    def on_step(self, event):
        self.steps.append(event.step)


def test_a_host_passes_two_objects_of_one_class(session):
    one, two = Watcher(), Watcher()
    session.run(STORY, plugins=[one, two])
    assert one.steps == two.steps == [1, 2]


def test_a_plan_that_is_made_already_takes_more_plugins(session):
    watcher = Watcher()
    session.run(make_plan(load_spec(STORY)), plugins=[watcher])
    session.run(load_spec(STORY), plugins=[watcher])
    assert watcher.steps == [1, 2, 1, 2]


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (Watcher, "Watcher is a class"),
        (object(), "plugin object \\(passed by the caller\\) implements no hooks"),
        (types.SimpleNamespace(namespace="No Name"), "'No Name' is not a namespace"),
    ],
)
def test_what_is_no_plugin_is_refused_before_the_run(session, passed, words):
    with pytest.raises(PluginError, match=words):
        session.start(STORY, plugins=[passed])


class Lean:
    def __init__(self, options):
        self.options = options

    def operations(self, site):
        return [Bias(lambda distance: -self.options.slope * distance.abs())]


class LeanOptions(RegularizerOptions):
    slope: float = 0.1


class Kit:
    """A host's plugin with a part."""

    def __init__(self, namespace="kit"):
        self.namespace = namespace

    @hookimpl
    def register_regularizers(self, register):
        register("lean", options=LeanOptions, factory=Lean, summary="Far frames weigh less.")


def test_parts_of_a_hosts_object_are_used_from_the_spec(session):
    spec = STORY | {"regularizers": [{"use": "kit/lean", "slope": 0.5}]}
    with pytest.raises(SpecError, match="no installed package brings the namespace 'kit'"):
        session.start(spec)
    with pytest.raises(SpecError, match=r"unknown key 'slop'"):
        session.start(STORY | {"regularizers": [{"use": "kit/lean", "slop": 0.5}]}, plugins=[Kit()])
    result = session.run(spec, plugins=[Kit()])
    (record,) = result.manifest["plugins"]
    assert record == {"name": "kit", "distribution": "passed by the caller", "hooks": [], "parts": ["kit/lean"]}


def test_two_objects_cannot_bring_parts_under_one_namespace(session):
    with pytest.raises(PluginError, match=r"the namespace 'kit' is claimed by passed by the caller and passed by the caller"):
        session.start(STORY, plugins=[Kit(), Kit()])
    session.start(STORY | {"regularizers": [{"use": "tool/lean"}]}, plugins=[Kit(), Kit("tool")]).result()


def frames(result):
    return np.stack(list(result.frames())).astype(int)


class Chain:
    """Transforms; each notes what it saw."""

    def __init__(self, **functions):
        self.__dict__.update({name: hookimpl(function) for name, function in functions.items()})


def test_transforms_are_a_chain_in_their_order_and_none_leaves_the_value(session):
    seen = []

    def first(synopsis, brief):
        seen.append((synopsis.states[0].caption, brief.frames))
        return Synopsis(states=(State("a"), *synopsis.states[1:]))

    def second(synopsis):
        seen.append(synopsis.states[0].caption)

    def third(synopsis):
        return Synopsis(states=(State(synopsis.states[0].caption + "b"), *synopsis.states[1:]))

    result = session.run(STORY, plugins=[Chain(transform_synopsis=function) for function in (first, second, third)])
    assert seen[0][1] == 2
    assert seen[1] == "a"
    assert result.synopsis.states[0].caption == "ab"


def test_a_synopsis_is_transformed_once_again_when_the_resolved_spec_runs(session):
    def louder(synopsis):
        return Synopsis(states=tuple(State(state.caption + "!") for state in synopsis.states))

    first = session.run(STORY, plugins=[Chain(transform_synopsis=louder)])
    again = session.run(first.spec, plugins=[Chain(transform_synopsis=louder)])
    assert first.synopsis.states == again.synopsis.states
    assert first.synopsis.states[0].caption.endswith("!")
    np.testing.assert_array_equal(frames(first), frames(again))


def test_conditioning_can_be_replaced(session):
    plain = session.run(STORY)
    shapes = []

    def still(conditioning, timeline):
        shapes.append((conditioning.text.shape[0], len(timeline.weights)))
        return Conditioning(conditioning.text[:1].expand_as(conditioning.text), conditioning.negative)

    changed = session.run(STORY, plugins=[Chain(transform_conditioning=still)])
    assert shapes == [(2, 2)]
    assert not np.array_equal(frames(plain), frames(changed))


def test_latents_are_transformed_after_every_step(session):
    seen = []

    def halve(latents, step, steps, timestep):
        seen.append((step, steps, timestep > 0))
        return latents * 0.5

    plain, halved = session.run(STORY), session.run(STORY, plugins=[Chain(transform_latents=halve)])
    assert seen == [(1, 2, True), (2, 2, True)]
    assert halved.latents.abs().mean() < plain.latents.abs().mean()


def test_without_a_transform_of_latents_the_sampler_calls_nothing(session, monkeypatch):
    from vstar_sdk.plugin.transforms import Transforms

    monkeypatch.setattr(Transforms, "latents", lambda *arguments: pytest.fail("on the tensor path"))
    session.run(STORY, plugins=[Watcher()])


def invert(frames):
    for frame in frames:
        yield 255 - frame


def test_frames_are_transformed_on_their_way_to_files_and_to_the_caller(session, tmp_path):
    from PIL import Image

    spec = STORY | {"output": [{"use": "frames"}]}
    plain = session.run(spec)
    inverted = session.run(spec, out=tmp_path / "run", plugins=[Chain(transform_frames=invert)])
    np.testing.assert_array_equal(frames(inverted), 255 - frames(plain))
    written = np.asarray(Image.open(tmp_path / "run" / "frames" / "0001.png")).astype(int)
    np.testing.assert_array_equal(written, frames(inverted)[1])
    twice = session.run(
        spec, plugins=[Chain(transform_frames=invert), Chain(transform_frames=lambda frames, clip: invert(frames))]
    )
    np.testing.assert_array_equal(frames(twice), frames(plain))


BROKEN = {
    "a synopsis that is none": ({"transform_synopsis": lambda synopsis: "states"}, "it returned str, not a Synopsis"),
    "a synopsis without states": ({"transform_synopsis": lambda synopsis: Synopsis(states=())}, "whose states are empty"),
    "a failing synopsis": ({"transform_synopsis": lambda synopsis: {}["x"]}, "failed in transform_synopsis: KeyError: 'x'"),
    "conditioning that is none": ({"transform_conditioning": lambda conditioning: 3}, "it returned int, not a Conditioning"),
    "conditioning of another shape": (
        {"transform_conditioning": lambda conditioning: Conditioning(conditioning.text[:1], conditioning.negative)},
        "text: it returned \\(1, .* instead of \\(2, ",
    ),
    "latents that are none": ({"transform_latents": lambda latents: latents.numpy()}, "it returned ndarray, not a tensor"),
    "latents of another type": ({"transform_latents": lambda latents: latents.double()}, "torch.float64 on cpu instead of"),
    "an exit": ({"transform_latents": lambda latents: exit(3)}, "failed in transform_latents: SystemExit: 3"),
}


@pytest.mark.parametrize(("hooks", "words"), BROKEN.values(), ids=BROKEN)
def test_a_transform_that_fails_ends_the_run_and_is_named(session, hooks, words):
    with pytest.raises(PluginError, match=rf"plugin chain \(passed by the caller\).*{words}"):
        session.run(STORY, plugins=[Chain(**hooks)])


BROKEN_FRAMES = {
    "no frames": (lambda frames: 3, "it returned int, which is not iterable"),
    "fewer frames": (lambda frames: [next(frames)], "only 1 of 2 frames were yielded"),
    "more frames": (lambda frames: [frame for frame in frames for _ in range(2)], "the clip has 2 frames, but more were yielded"),
    "another size": (lambda frames: (frame[::2] for frame in frames), "but the clip's frames are"),
    "another type": (lambda frames: (frame / 255 for frame in frames), "float64, but the clip's frames are"),
    "a fault on the way": (lambda frames: (1 / 0 for _ in frames), "failed in transform_frames: ZeroDivisionError"),
}


@pytest.mark.parametrize(("transform", "words"), BROKEN_FRAMES.values(), ids=BROKEN_FRAMES)
def test_a_transform_of_frames_that_fails_leaves_no_artifact(session, tmp_path, transform, words):
    with pytest.raises(PluginError, match=words):
        session.run(STORY, out=tmp_path / "run", plugins=[Chain(transform_frames=transform)])
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["spec.yaml", "state", "synopsis.json"]


def test_a_fault_of_the_decoder_is_not_blamed_on_the_plugin(session):
    from vstar_sdk.plugin.plugin import given
    from vstar_sdk.plugin.transforms import Transforms

    def decoder():
        yield np.zeros((4, 4, 3), np.uint8)
        raise OSError("the disk was removed during the run")

    clip = types.SimpleNamespace(frames=2, width=4, height=4)
    stream = Transforms([given(Chain(transform_frames=invert))]).frames(decoder(), clip)  # pyright: ignore[reportArgumentType]
    next(stream)
    with pytest.raises(OSError, match="the disk was removed during the run"):
        next(stream)


def test_one_observers_fault_is_not_anothers_loss(session):
    def fail(event):
        raise SystemExit(1)

    watcher = Watcher()
    result = session.run(STORY, plugins=[Chain(on_step=fail, on_run_end=fail), watcher])
    assert watcher.steps == [1, 2]
    assert result.warnings == (
        "plugin chain (passed by the caller) failed in on_step, 2 times, at first: SystemExit: 1",
        "plugin chain (passed by the caller) failed in on_run_end, once: SystemExit: 1",
    )
    assert result.manifest["warnings"] == list(result.warnings)


def test_an_observer_stops_the_run_but_not_when_it_is_over(session):
    def stop(event):
        raise StopRun("enough")

    with pytest.raises(RunCancelled, match="enough"):
        session.run(STORY, plugins=[Chain(on_step=stop, on_run_error=stop)])
    result = session.run(STORY, plugins=[Chain(on_run_end=stop)])
    assert "StopRun: enough" in result.warnings[0]


def test_a_device_is_resolved_by_the_first_plugin_that_knows_it(session):
    pool = Chain(resolve_device=lambda name: {"pool": "cpu"}.get(name))
    nobody = Chain(resolve_device=lambda name: None)
    result = session.run(STORY | {"model": {"use": "miniworld", "device": "pool"}}, plugins=[nobody, pool])
    assert result.manifest["model"]["device"] == "cpu"
