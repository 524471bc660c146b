"""The kit finds what is wrong with parts that take frames."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from vstar_sdk.errors import PluginError
from vstar_sdk.finishers.interpolate import Interpolate, InterpolateOptions
from vstar_sdk.finishers.upscale import Upscale, UpscaleOptions
from vstar_sdk.miniworld.upscaling.finisher import MiniworldUpscale, MiniworldUpscaleOptions
from vstar_sdk.plugin.discovery import built_in_catalog
from vstar_sdk.testing.exporters import sample_clip
from vstar_sdk.testing.finishers import check_finisher
from vstar_sdk.testing.metrics import check_metric

METRICS = {part.name: part for part in built_in_catalog().parts("metrics")}


PROMPTS = {"miniworld-colour": "a red flower opens", "miniworld-pan": "a landscape in summer, the camera pans right"}
"""Of metrics that measure some stories alone."""


@pytest.mark.parametrize("name", METRICS)
def test_the_metrics_of_the_package_are_well(name):
    part = METRICS[name]
    told = PROMPTS.get(name, "a landscape from winter to autumn")
    world = replace(sample_clip(frames=17, height=64), prompt=told)
    assert check_metric(lambda: part.make(part.options()), clip=world)


class Bright:
    """A metric that is well; its faults are what the cases below change."""

    numbers = ("bright",)

    def begin(self, clip):
        self.levels = []

    def add(self, frame):
        self.levels.append(float(frame.mean()))

    def result(self):
        return {"bright": sum(self.levels) / len(self.levels)}


class Greedy(Bright):
    """Keeps the caller's arrays."""

    def add(self, frame):
        self.levels.append(frame)

    def result(self):
        return {"bright": float(np.mean(self.levels))}


class Remembering(Bright):
    def begin(self, clip):
        self.levels = getattr(self, "levels", [1000.0])


class Scribbling(Bright):
    def add(self, frame):
        super().add(frame)
        frame //= 2


_calls = count()


class Chancy(Bright):
    def __init__(self):
        self.own = next(_calls)

    def result(self):
        return {"bright": float(self.own)}


class Hopeless(Bright):
    """Cannot measure one frame, and does not say so."""

    def result(self):
        return {"bright": self.levels[1]}


def test_a_metric_that_is_well():
    assert check_metric(Bright)["bright"] == pytest.approx(127.5, abs=2)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (Remembering, AssertionError, "forget everything in begin"),
        (Scribbling, PluginError, "read-only"),
        (Chancy, AssertionError, "another of its kind measures"),
        (Greedy, AssertionError, "it keeps the caller's array"),
        (Hopeless, PluginError, r"failed in result\(\): IndexError"),
        (lambda: 3, PluginError, "an int instead of a vstar_sdk.Metric: it has no numbers, begin"),
    ],
    ids=["memory", "in place", "chance", "array", "one frame", "none"],
)
def test_a_metric_with_a_fault_is_told(make, error, words):
    with pytest.raises(error, match=words):
        check_metric(make)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Upscale(UpscaleOptions()),
        lambda: MiniworldUpscale(MiniworldUpscaleOptions()),
        lambda: Interpolate(InterpolateOptions()),
        lambda: Interpolate(InterpolateOptions(method="blend", factor=3)),
    ],
    ids=["upscale", "miniworld-upscale", "motion", "blend"],
)
def test_the_finishers_of_the_package_are_well(make):
    assert check_finisher(make, most_held=6).frames >= 48


class Same:
    """A finisher that is well."""

    def plan(self, clip):
        return clip

    def finish(self, frames, clip):
        yield from frames


def finisher(**members):
    return type("Faulty", (Same,), members)


def all_at_once(self, frames, clip):
    yield from list(frames)


def in_place(self, frames, clip):
    for frame in frames:
        frame //= 2
        yield frame


def one_array(self, frames, clip):
    canvas = None
    for frame in frames:
        canvas = frame.copy() if canvas is None else canvas
        canvas[:] = frame
        yield canvas


def by_chance(self, frames, clip):
    for frame in frames:
        yield frame + np.uint8(next(_calls) % 251)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (finisher(finish=all_at_once), AssertionError, "give frames as they come"),
        (finisher(finish=in_place), AssertionError, "it changes the frames"),
        (finisher(finish=one_array), AssertionError, "a frame changes after it was given"),
        (finisher(finish=by_chance), AssertionError, "makes other frames of the same ones"),
        (finisher(plan=lambda self, clip: replace(clip, fps=1.0 + next(_calls))), AssertionError, "it plans something else"),
        (finisher(plan=lambda self, clip: replace(clip, frames=47)), PluginError, "yielded more than 47 frames"),
        (finisher(plan=lambda self, clip: replace(clip, width=1)), PluginError, "but the clip's frames are"),
    ],
    ids=["all", "in place", "one array", "chance", "plans", "number", "size"],
)
def test_a_finisher_with_a_fault_is_told(make, error, words):
    check_finisher(Same)
    with pytest.raises(error, match=words):
        check_finisher(make)
