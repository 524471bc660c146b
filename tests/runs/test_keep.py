"""Frames of an earlier run are kept, and the others are made around them."""

from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import pytest
import yaml

from vstar_sdk import Session, events, load_spec
from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.errors import OutputError, RunCancelled, SpecError
from vstar_sdk.runs.kept import held_latents

WINTER = {
    "synopsis": {"states": ["a landscape in winter", "a landscape in spring"]},
    "frames": 8,
    "seed": 3,
    "sampling": {"steps": 3, "eta": 1.0},
    "output": [{"use": "frames", "path": "stills"}],
}


@pytest.fixture(scope="module")
def winter(session, tmp_path_factory):
    return session.run(WINTER, out=tmp_path_factory.mktemp("runs") / "winter")


@pytest.fixture(scope="module")
def child(session, winter):
    """Beside it, a run that keeps frames of it."""
    return session.run(keeping(winter, "0-2, 5", seed=4), out=winter.directory.parent / "child")


def frames(result):
    return np.stack(list(result.frames()))


def keeping(winter, keep, **changes):
    return WINTER | {"start": {"from": str(winter.directory), "keep": keep}} | changes


def test_kept_frames_come_back_byte_equal_and_the_others_do_not(winter, child):
    same = [bool(np.array_equal(one, other)) for one, other in zip(frames(winter), frames(child), strict=True)]
    assert same == [True, True, True, False, False, True, False, False]


def test_the_manifest_names_the_parent_and_lists_the_latents(winter, child):
    manifest = json.loads((child.directory / "manifest.json").read_text())
    assert (winter.manifest["parent"], manifest["parent"]) == (None, winter.id)
    assert [entry["path"] for entry in manifest["files"]] == ["spec.yaml", "synopsis.json", "latents.safetensors"]


def test_the_resolved_spec_gives_the_same_frames_again(session, child):
    start = yaml.safe_load((child.directory / "spec.yaml").read_text())["start"]
    assert (start["from"], start["keep"], start["lead"], len(start["sha256"])) == ("../winter", "0-2, 5", 0.4, 64)
    assert np.array_equal(frames(session.run(child.directory / "spec.yaml")), frames(child))


def interrupted(session, spec, out):
    job = session.start(spec, out=out)
    for event in job.events():
        if isinstance(event, events.Step) and event.step == 1:
            job.cancel()
    with pytest.raises(RunCancelled):
        job.result()


def test_an_interrupted_run_goes_on_to_the_same_frames(session, winter, child, tmp_path):
    interrupted(session, keeping(winter, "0-2, 5", seed=4), tmp_path / "run")
    assert np.array_equal(frames(session.resume(tmp_path / "run").result()), frames(child))


def test_an_interrupted_run_does_not_go_on_from_another_parent(session, winter, tmp_path):
    shutil.copytree(winter.directory, tmp_path / "parent")
    spec = WINTER | {"start": {"from": str(tmp_path / "parent"), "keep": "0-2"}}
    interrupted(session, spec, tmp_path / "run")
    session.run(WINTER | {"seed": 9}, out=tmp_path / "parent")
    with pytest.raises(SpecError, match=r"start\.from: the run in .*parent has changed since this spec was resolved"):
        session.resume(tmp_path / "run")


def test_a_run_is_not_written_over_the_one_that_it_goes_on_from(session, winter):
    with pytest.raises(OutputError, match="holds the run that this one keeps frames of"):
        session.run(keeping(winter, "0-2"), out=winter.directory)
    assert (winter.directory / "manifest.json").is_file()


def test_a_run_that_is_told_to_writes_no_latents_and_none_can_go_on_from_it(session, tmp_path):
    session.run(WINTER | {"latents": False, "frames": 2, "output": []}, out=tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["manifest.json", "spec.yaml", "synopsis.json"]
    with pytest.raises(SpecError, match=r"start\.from: the run in .* did not write its latents"):
        session.plan(WINTER | {"start": {"from": str(tmp_path / "run"), "keep": 0}})


def test_a_plan_says_what_is_kept_and_travels(session, winter):
    plan = session.plan(keeping(winter, "0-2, 5"))
    assert plan.kept is not None
    assert plan.kept.words() == f"keeps frames 0-2, 5 of {winter.directory}, makes 3-4, 6-7"
    assert pickle.loads(pickle.dumps(plan)) == plan  # noqa: S301  (our own bytes)
    assert session.plan(WINTER) != plan


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"keep": "0-7"}, "start.keep: all frames are kept, so there is nothing to generate"),
        ({"keep": "6-8"}, "start.keep: '6-8' names frame 8, but the last one is 7"),
        ({"keep": ""}, "start.keep: '' is not a range of frames"),
        ({"keep": True}, "start.keep: must be a number"),
        ({"frames": 12, "keep": "0-9"}, "start.keep: frame 9 is kept, but the last frame of that clip is 7"),
        ({"size": "32x32"}, "start.from: the pictures of the run in .* have 64x64 pixels, but this one has 32x32"),
        ({"from": "nowhere"}, "start.from: there is no finished run in .*nowhere"),
        ({"sha256": "0" * 64}, "start.from: the run in .* has changed since this spec was resolved"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(f"{key}-{item}"[:14] for key, item in value.items()),
)
def test_what_does_not_fit_is_told_with_its_place(session, winter, changes, words):
    start = {"from": str(winter.directory), "keep": "0-2"} | {
        key: value for key, value in changes.items() if key in ("from", "keep", "sha256")
    }
    others = {key: value for key, value in changes.items() if key not in start}
    with pytest.raises(SpecError, match=words):
        session.plan(WINTER | others | {"start": start})


def damaged(winter, folder, name, change):
    shutil.copytree(winter.directory, folder)
    change(folder / name)
    return WINTER | {"start": {"from": str(folder), "keep": "0-2"}}


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("latents.safetensors", lambda path: path.unlink(), "the latents of the run in .* are missing"),
        (
            "latents.safetensors",
            lambda path: path.write_bytes(b"other"),
            "latents.safetensors was changed after the run wrote it",
        ),
        ("manifest.json", lambda path: path.write_text(path.read_text().replace("miniworld", "acme")), "was made with acme"),
        ("manifest.json", lambda path: path.write_text("{}"), "the files of the run in .* are damaged"),
        ("spec.yaml", lambda path: path.write_text("[]"), "the files of the run in .* are damaged"),
        ("manifest.json", lambda path: path.unlink(), "there is no finished run"),
    ],
    ids=["gone", "changed", "model", "manifest", "spec", "not-whole"],
)
def test_a_parent_that_is_not_what_it_was_is_told(session, winter, tmp_path, name, change, words):
    with pytest.raises(SpecError, match=f"start.from: .*{words}"):
        session.plan(damaged(winter, tmp_path / "run", name, change))


def test_a_relative_path_begins_at_the_specs_folder(winter, monkeypatch, tmp_path):
    story = winter.directory.parent / "story.yaml"
    story.write_text(yaml.safe_dump(WINTER | {"start": {"from": "winter", "keep": "0-2"}}))
    monkeypatch.chdir(tmp_path)
    with Session() as session:
        plan = session.plan(load_spec(story))
    assert plan.kept is not None
    assert plan.kept.parent.run == winter.id


WAN = Rhythm.causal(4)


def test_whole_latent_frames_are_held():
    clock = Clock(13, 16, WAN)
    assert held_latents([0], 9, clock) == (0,)
    assert held_latents([*range(5)], 9, clock) == (0, 1)
    assert held_latents([*range(5, 9)], 9, clock) == (2,)


def test_half_a_latent_frame_cannot_be_kept():
    with pytest.raises(SpecError, match=r"frames 1-4 form one latent frame .*: keep all of them or none") as caught:
        held_latents([0, 1, 2], 9, Clock(13, 16, WAN))
    assert caught.value.hint == "keep whole latent frames, such as 0"
    assert caught.value.path == ("start", "keep")
