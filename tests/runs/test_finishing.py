"""Finishers of a run: the plan, the manifest, the film and the sheet know of them beforehand."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image

from vstar_sdk import ModelError, Options, PluginError, SpecError, hookimpl
from vstar_sdk.footage import Footage
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.loading import load_spec

STORY = {
    "prompt": "a landscape from winter to autumn",
    "frames": 5,
    "synopsis": {"use": "miniworld", "states": 3},
    "regularizers": [],
    "sampling": {"steps": 2},
}
TWICE = [{"use": "upscale", "factor": 2}, {"use": "interpolate", "factor": 2}]


class Host:
    """A host's plugin with a finisher."""

    namespace = "kit"

    def __init__(self, make):
        self.make = make

    @hookimpl
    def register_finishers(self, register):
        register("part", options=Options, factory=self.make, summary="A part.")


class Halved:
    """Every other frame."""

    def __init__(self, options):
        pass

    def plan(self, clip):
        return replace(clip, frames=(clip.frames + 1) // 2, fps=clip.fps / 2)

    def finish(self, frames, clip):
        for number, frame in enumerate(frames):
            if number % 2 == 0:
                yield frame


def test_everything_knows_the_final_numbers(session, tmp_path):
    spec = STORY | {"finish": TWICE, "metrics": [{"use": "flicker"}], "output": [{"use": "mp4", "scale": 1}, {"use": "frames"}]}
    final = Footage(frames=9, width=128, height=128, fps=16.0, prompt=STORY["prompt"])
    assert make_plan(load_spec(spec)).final == final
    job = session.start(spec, out=tmp_path / "run")
    totals = {(event.total, event.done) for event in job.events() if event.kind == "decoded"}
    result = job.result()
    assert totals == {(9, n) for n in range(1, 10)}
    clip = {"frames": 9, "width": 128, "height": 128, "fps": 16.0, "anchors": [0, 4, 8]}
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["clip"] == clip == result.manifest["clip"]
    with av.open(str(tmp_path / "run" / "video.mp4")) as film:
        stream = film.streams.video[0]
        assert (stream.frames, stream.width, stream.height, stream.average_rate) == (9, 128, 128, 16)
    frames = list(result.frames())
    assert [frame.shape for frame in frames] == [(128, 128, 3)] * 9
    pictures = sorted((tmp_path / "run" / "frames").iterdir())
    assert all((np.asarray(Image.open(path)) == frame).all() for path, frame in zip(pictures, frames, strict=True))
    again = session.run(result.spec)
    assert all((one == other).all() for one, other in zip(again.frames(), frames, strict=True))


def test_the_sheet_shows_the_final_frames_under_the_states_that_rule_them(session, tmp_path, monkeypatch):
    from vstar_sdk.output import contact_sheet

    clips, opened = [], contact_sheet.ContactSheet.open

    def watched(self, target, clip):
        clips.append(clip)
        opened(self, target, clip)

    monkeypatch.setattr(contact_sheet.ContactSheet, "open", watched)
    session.run(STORY | {"finish": TWICE, "output": [{"use": "contact-sheet"}]}, out=tmp_path / "run")
    (clip,) = clips
    assert clip.timeline.anchors == (0, 4, 8)
    assert clip.timeline.ruling() == (0, 0, 1, 1, 1, 1, 2, 2, 2)
    assert (tmp_path / "run" / "contact-sheet.png").exists()


def test_transforms_see_the_frames_of_the_model_and_exporters_those_of_the_finishers(session, tmp_path):
    seen = []

    class Dark:
        @hookimpl
        def transform_frames(self, frames, clip):
            for frame in frames:
                seen.append((frame.shape, clip.frames, clip.fps))
                yield frame // 2

    spec = STORY | {"finish": [{"use": "upscale"}], "output": [{"use": "frames"}]}
    result = session.run(spec, out=tmp_path / "run", plugins=[Dark()])
    assert seen == [((64, 64, 3), 5, 8.0)] * 5
    assert max(int(frame.max()) for frame in result.frames()) < 160


def test_a_finisher_of_a_plugin_takes_its_place(session, tmp_path):
    spec = STORY | {"finish": [{"use": "kit/part"}], "output": [{"use": "frames"}]}
    result = session.run(spec, out=tmp_path / "run", plugins=[Host(Halved)])
    plain = list(session.run(STORY).frames())
    assert all((one == other).all() for one, other in zip(result.frames(), plain[::2], strict=True))
    assert result.manifest["clip"]["frames"] == 3
    assert [record["parts"] for record in result.manifest["plugins"]] == [["kit/part"]]


@pytest.mark.parametrize(
    ("finish", "more", "words"),
    [
        (
            [{"use": "interpolate"}],
            {"frames": 1, "synopsis": {"states": ["winter"]}},
            "finish[0]: a clip of 1 frame cannot be interpolated",
        ),
        ([{"use": "upscale", "factor": 16}] * 2, {}, "finish[1]: pictures of 16384x16384 would result"),
        ([{"use": "interpolate", "factor": 16}] * 3, {}, "finish[2]: 16,385 frames would result: a clip has at most 10,000"),
        ([{"use": "upscale", "factor": 1}], {}, "finish[0].factor: must be greater than or equal to 2"),
        ([{"use": "upscal"}], {}, "finish[0].use: unknown finisher 'upscal'. Did you mean 'upscale'?"),
        ([{"use": "interpolate", "method": "flow"}], {}, "finish[0].method"),
    ],
    ids=str,
)
def test_what_cannot_be_finished_is_an_error_beforehand(finish, more, words):
    with pytest.raises(SpecError) as refused:
        make_plan(load_spec(STORY | more | {"finish": finish}))
    assert words in str(refused.value)


def test_a_clip_that_holds_its_states_no_more_is_refused():
    with pytest.raises(SpecError, match=r"finish: 3 states do not fit into 2 frames"):
        make_plan(load_spec(STORY | {"frames": 3, "finish": [{"use": "kit/part"}]}, plugins=[Host(Halved)]))


@pytest.mark.parametrize(
    ("finish", "words"),
    [
        (lambda self, frames, clip: list(frames), r"its finish\(\) yielded more than 3 frames"),
        (lambda self, frames, clip: (1 / 0 for _ in frames), r"failed in finish\(\): ZeroDivisionError"),
    ],
    ids=["number", "raises"],
)
def test_a_finisher_that_breaks_its_contract_ends_the_run_by_name(session, finish, words):
    broken = type("Broken", (Halved,), {"finish": finish})
    with pytest.raises(PluginError, match=r"finish\[0\]: kit/part .*" + words):
        session.run(STORY | {"finish": [{"use": "kit/part"}], "metrics": [{"use": "flicker"}]}, plugins=[Host(broken)])


def test_a_decoder_that_fails_behind_a_finisher_is_told_as_the_decoders(session):
    class Broken:
        @hookimpl
        def transform_frames(self, frames, clip):
            yield next(iter(frames))
            raise ModelError("the decoder is out of order")

    spec = STORY | {"finish": [{"use": "kit/part"}], "metrics": [{"use": "flicker"}]}
    with pytest.raises(PluginError, match=r"plugin broken .* failed in transform_frames") as told:
        session.run(spec, plugins=[Host(Halved), Broken()])
    assert "kit/part" not in str(told.value)


def test_a_plan_with_finishers_goes_to_another_process():
    plan = make_plan(load_spec(STORY | {"finish": TWICE}))
    assert pickle.loads(pickle.dumps(plan)).final == plan.final  # noqa: S301  (our own bytes)
