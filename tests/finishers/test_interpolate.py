from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vstar_sdk import MissingDependency, SpecError
from vstar_sdk.finishers import motion
from vstar_sdk.finishers.interpolate import Interpolate, InterpolateOptions
from vstar_sdk.footage import Footage
from vstar_sdk.miniworld.world import scene

METHODS = ["motion", "blend"]


def finished(frames: Any, factor: int = 2, method: Any = "motion") -> Any:
    count, height, width, _ = frames.shape
    clip = Footage(frames=count, width=width, height=height, fps=8.0)
    part = Interpolate(InterpolateOptions(factor=factor, method=method))
    made = np.stack(list(part.finish(iter(frames), clip)))
    assert len(made) == part.plan(clip).frames
    return made


def noise(count, side=32):
    return np.random.default_rng(count).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def error(made, wanted):
    return float(np.sqrt((made.astype(float) - wanted).__pow__(2).mean()))


def test_the_clip_lasts_as_long():
    clip = Footage(frames=16, width=64, height=48, fps=8.0, prompt="a kite")
    planned = Interpolate(InterpolateOptions(factor=3)).plan(clip)
    assert planned == Footage(frames=46, width=64, height=48, fps=24.0, prompt="a kite")
    assert (planned.frames - 1) / planned.fps == pytest.approx((clip.frames - 1) / clip.fps)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("count", "factor"), [(2, 2), (3, 3), (9, 2), (5, 8)])
def test_its_own_frames_stay_as_they_are_at_their_times(method, count, factor):
    frames = noise(count)
    assert (finished(frames, factor, method)[::factor] == frames).all()


@pytest.mark.parametrize("method", METHODS)
def test_it_does_the_same_again(method):
    frames = noise(5)
    assert (finished(frames, 3, method) == finished(frames, 3, method)).all()


def test_blending_is_its_formula():
    frames = noise(3)
    made = finished(frames, 4, "blend")
    x = frames.astype(float)
    assert (made[3] == np.rint(x[0] / 4 + x[1] * 3 / 4)).all()
    assert (made[6] == np.rint((x[1] + x[2]) / 2)).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("side", [16, 33, 64])
def test_a_still_picture_stays_exactly_as_it_is(method, side):
    still = np.repeat(noise(1, side), 4, 0)
    assert (finished(still, 3, method) == still[0]).all()


def panned(count, step):
    """A wide random picture of soft blobs, seen through a window that moves."""
    blobs = np.random.default_rng(3).integers(0, 256, (12, 40, 3)).astype(float)
    wide = np.repeat(np.repeat(blobs, 8, 0), 8, 1)
    for axis in (0, 1):
        wide = np.mean([np.roll(wide, shift, axis) for shift in range(-4, 5)], axis=0)
    return np.stack([wide[:, 40 + round(n * step) : 136 + round(n * step)] for n in range(count)]).astype(np.uint8)


def test_what_moves_is_where_it_has_moved_to():
    """A pan of four pixels a frame: half-way it is two pixels on, where blending shows both places."""
    truth = panned(19, 2)
    inside = (slice(1, -1, 2), slice(16, -16), slice(16, -16))  # at the borders something comes in that nobody has seen
    moved, blended = (error(finished(truth[::2], 2, method)[inside], truth[inside]) for method in METHODS)
    assert moved < 3
    assert moved < blended / 3


@pytest.mark.parametrize(("name", "pan"), [("landscape", 3.0), ("train", None), ("submarine", None), ("balloon", None)])
def test_on_renders_whose_truth_is_known_motion_is_nearer_than_blending(name, pan):
    times = np.arange(0, 12, 0.5)
    camera = () if pan is None else (100 + pan * times,)
    truth = scene(name, 4).render(np.linspace(0, 1, 24), times, *camera)
    moved, blended = (error(finished(truth[:-1:2], 2, method)[1::2], truth[1:-2:2]) for method in METHODS)
    assert moved < 0.85 * blended


def test_nothing_is_moved_across_a_cut():
    before, after = panned(4, 2), 255 - panned(4, 2)[:, ::-1]
    made = finished(np.concatenate([before, after]))
    across = made[7]
    assert min(error(across, made[6]), error(across, made[8])) < 3


@pytest.mark.parametrize("method", METHODS)
def test_only_a_few_frames_are_held(method):
    ahead, drawn = [], 0

    def frames():
        nonlocal drawn
        for frame in noise(40):
            drawn += 1
            yield frame

    clip = Footage(frames=40, width=32, height=32, fps=8.0)
    part = Interpolate(InterpolateOptions(method=method))
    for number, _ in enumerate(part.finish(frames(), clip)):
        ahead.append(drawn - 1 - number // 2)
    assert max(ahead) <= 4


@pytest.mark.parametrize(
    ("clip", "method", "words"),
    [
        ({"frames": 1}, "blend", "a clip of 1 frame cannot be interpolated"),
        ({"width": 12}, "motion", "at least 16x16 pixels, not in 12x64"),
    ],
    ids=str,
)
def test_what_it_cannot_make_is_refused_beforehand(clip, method, words):
    footage = Footage(**{"frames": 8, "width": 64, "height": 64, "fps": 8.0} | clip)
    with pytest.raises(SpecError, match=words):
        Interpolate(InterpolateOptions(method=method)).plan(footage)


def test_blending_takes_pictures_of_any_size():
    assert len(finished(noise(3, side=5), method="blend")) == 5


def test_an_ffmpeg_without_the_filter_is_told_of(monkeypatch):
    monkeypatch.setattr(motion, "filters_available", {"scale"})
    with pytest.raises(MissingDependency, match="has no filter minterpolate") as told:
        Interpolate(InterpolateOptions()).plan(Footage(frames=8, width=64, height=64, fps=8.0))
    assert "method: blend" in str(told.value.hint)
