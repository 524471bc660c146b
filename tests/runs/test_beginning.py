"""Pictures and clips that a video begins and ends with are kept through the decoder, and the rest is made around them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.docs.pages import BLOCKS
from tests.reading.test_videos import written
from vstar_sdk import events, load_spec
from vstar_sdk.errors import RunCancelled, SpecError
from vstar_sdk.runs.history import history

STORY = {
    "synopsis": {"states": ["a landscape in winter", "a landscape in spring"]},
    "frames": 8,
    "seed": 3,
    "sampling": {"steps": 3},
    "output": [],
}


@pytest.fixture(scope="module")
def clip(session, tmp_path_factory):
    """Six frames of a run as a lossless file, and as they are."""
    frames = np.stack(list(session.run(STORY | {"frames": 6, "seed": 9}).frames()))
    return written(tmp_path_factory.mktemp("clips") / "clip.mkv", frames, rate=8), frames


@pytest.fixture(scope="module")
def picture(clip):
    path = clip[0].with_name("picture.png")
    Image.fromarray(clip[1][5]).save(path)
    return path


@pytest.fixture(scope="module")
def decoded(session, clip):
    """What encoder and decoder make of the clip."""
    adapter = session.run(STORY | {"frames": 2, "sampling": {"steps": 1}}).load()
    return np.stack(list(adapter.decode(adapter.encode_frames(clip[1]))))


def starting(**start):
    return STORY | {"start": {key: str(value) if isinstance(value, Path) else value for key, value in start.items()}}


def frames(result):
    return np.stack(list(result.frames()))


def test_a_first_picture_is_the_first_frame_and_a_last_one_the_last(session, picture, decoded, clip):
    made = frames(session.run(starting(first=picture, last=picture)))
    assert np.array_equal(made[0], decoded[5])
    assert np.array_equal(made[7], decoded[5])
    assert not any(np.array_equal(frame, decoded[5]) for frame in made[1:7])
    assert np.abs(made[0].astype(float) - clip[1][5]).mean() < 6  # what the autoencoder loses


def test_a_clip_is_continued(session, clip, decoded):
    made = frames(session.run(starting(clip=clip[0], clip_frames="2-5")))
    assert np.array_equal(made[:4], decoded[2:])
    assert not np.array_equal(made[4], made[3])


@pytest.mark.slow
def test_two_clips_are_bridged(session, clip, decoded):
    made = frames(session.run(starting(clip=clip[0], clip_frames="3-5", into=clip[0], into_frames="0-1")))
    assert np.array_equal(made[:3], decoded[3:])
    assert np.array_equal(made[6:], decoded[:2])


def test_some_frames_of_a_clip_are_kept_and_the_gaps_made_again(session, clip, decoded):
    made = frames(session.run(starting(clip=clip[0], keep="0-1, 5")))
    assert [bool(np.array_equal(made[at], decoded[at])) for at in range(6)] == [True, True, False, False, False, True]


def test_what_was_given_is_in_the_plan_the_manifest_and_the_resolved_spec(session, picture, clip, tmp_path):
    spec = starting(first=picture, into=clip[0], into_frames="4-5") | {"size": [64, 48], "fps": 4}
    plan = session.plan(spec)
    assert plan.beginning is not None
    assert plan.beginning.words() == [
        f"first: picture {picture}, 64x64, cropped to 64x48 from x 0, y 8; at frame 0",
        f"into: frames 4-5 of {clip[0]} (8 fps), 64x64, cropped to 64x48 from x 0, y 8; at frames 6-7",
        "keeps frames 0, 6-7, makes 1-5",
    ]
    assert "start.into has 8 frames a second and the video 4" in "".join(plan.warnings())
    assert pickle.loads(pickle.dumps(plan)) == plan  # noqa: S301  (our own bytes)
    made = session.run(spec, out=tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert [(shot["key"], shot["file"], shot["frames"]) for shot in manifest["start"]] == [
        ("first", "picture.png", "0"),
        ("into", "clip.mkv", "6-7"),
    ]
    assert str(picture.parent) not in json.dumps(manifest["start"])
    start = yaml.safe_load((tmp_path / "run" / "spec.yaml").read_text())["start"]
    assert {*start["digests"]} == {"first", "into"}
    assert np.array_equal(frames(session.run(tmp_path / "run" / "spec.yaml")), frames(made))
    assert [version.keeps for version in history(tmp_path / "run")] == [None]


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_frames(session, picture, tmp_path):
    spec = starting(first=picture)
    job = session.start(spec, out=tmp_path / "run")
    for event in job.events():
        if isinstance(event, events.Step) and event.step == 1:
            job.cancel()
    with pytest.raises(RunCancelled):
        job.result()
    assert np.array_equal(frames(session.resume(tmp_path / "run").result()), frames(session.run(spec)))


@pytest.mark.slow
def test_a_resolved_spec_does_not_go_on_with_another_picture(session, picture, tmp_path):
    own = tmp_path / "own.png"
    own.write_bytes(picture.read_bytes())
    session.run(starting(first=own), out=tmp_path / "run")
    Image.new("RGB", (64, 64)).save(own)
    with pytest.raises(SpecError, match=r"start\.first: .*own\.png has changed since this spec was resolved"):
        session.plan(tmp_path / "run" / "spec.yaml")


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ({}, "start: says nothing"),
        ({"first": "a.png", "clip": "a.mp4"}, "start: has both 'first' and 'clip'"),
        ({"first": "a.png", "from": "runs/a", "keep": 0}, "start: has both 'from' and 'first'"),
        ({"from": "runs/a"}, "start: has 'from' without 'keep'"),
        ({"first": "a.png", "keep": 0}, "start: has 'keep' without"),
        ({"first": "a.png", "clip_frames": 0}, "start: has 'clip_frames' without 'clip'"),
        ({"first": "nowhere.png"}, "start.first: the picture .*nowhere.png cannot be read"),
        ({"first": "CLIP"}, "start.first: the picture .* has a format that is not read"),
        ({"clip": "CLIP", "clip_frames": "0-9"}, "start.clip_frames: '0-9' names frame 9, but the last one is 5"),
        ({"clip": "CLIP", "clip_frames": "0-1, 4"}, "start.clip_frames: .* one range of frames is used"),
        ({"clip": "CLIP", "into": "CLIP"}, "start.into: start.clip ends at frame 5, and start.into begins at 2"),
        ({"clip": "CLIP", "keep": "0-6"}, "start.keep: frame 6 is kept, but no clip has it"),
        ({"clip": "CLIP", "keep": "8"}, "start.keep: .* names frame 8, but the last one is 7"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_what_does_not_fit_is_told_with_its_place(session, clip, start, words):
    given = {key: str(clip[0]) if value == "CLIP" else value for key, value in start.items()}
    with pytest.raises(SpecError, match=words):
        session.plan(STORY | {"start": given})


def test_a_clip_that_fills_the_video_or_more_is_refused(session, clip):
    with pytest.raises(SpecError, match=r"start\.clip: all frames are kept"):
        session.plan(starting(clip=clip[0]) | {"frames": 6})
    with pytest.raises(SpecError, match=r"start\.clip_frames: it has more frames than the 4 of the new video"):
        session.plan(starting(clip=clip[0]) | {"frames": 4})


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    """A folder with the files that docs/pictures.md names."""
    folder = tmp_path_factory.mktemp("documented")
    upright = Image.Exif()
    upright[0x0112] = 6
    Image.new("RGB", (1080, 1920)).save(folder / "a.png", exif=upright)
    for name in ("first.png", "last.png"):
        Image.new("RGB", (64, 64)).save(folder / name)
    for name in ("beach.mp4", "forest.mp4"):
        written(folder / name, np.zeros((40, 64, 64, 3), np.uint8), rate=24)
    return folder


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.page == "docs/pictures.md" and one.language == "yaml"], ids=str)
def test_the_pages_specs_are_planned(session, documented, block):
    (documented / "story.yaml").write_text(block.text)
    assert session.plan(load_spec(documented / "story.yaml")).beginning is not None


def test_the_pages_plan_is_what_is_printed(session, documented):
    (shown,) = [one.text for one in BLOCKS if one.page == "docs/pictures.md" and one.language == "text"]
    start = {"first": "a.png", "into": "forest.mp4", "into_frames": "0-7"}
    (documented / "story.yaml").write_text(yaml.safe_dump(STORY | {"frames": 32, "start": start}))
    plan = session.plan(load_spec(documented / "story.yaml"))
    assert plan.beginning is not None
    assert "\n".join(plan.beginning.words()).replace(f"{documented}/", "") == shown.rstrip()
