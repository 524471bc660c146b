"""``diagonalness``: its numbers on known maps, and the maps of a run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vstar_sdk import RunPaused, SpecError, load_spec
from vstar_sdk.attention.moment import Moment
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.footage import Footage
from vstar_sdk.metrics.diagonalness import Diagonalness, DiagonalnessOptions
from vstar_sdk.runs.checking import check
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.testing.metrics import check_metric

FRAMES = 8
SITE = Site.at(SiteAddress("blocks.0.attn", "down", 0, 2, 8), Clock(FRAMES, 8.0))
STORY = {
    "prompt": "a landscape from winter to autumn",
    "frames": FRAMES,
    "size": [32, 32],
    "synopsis": {"use": "miniworld", "states": 2},
    "regularizers": [],
    "sampling": {"steps": 4},
    "metrics": [{"use": "diagonalness", "window": [0, 0.5]}],
}
TAR = {"use": "tar", "sigma": {0: 1}, "window": [0, 1]}


def measured(*maps, **options):
    metric = Diagonalness(DiagonalnessOptions(**options))
    metric.begin(Footage(frames=FRAMES, width=8, height=8, fps=8.0, prompt=""))
    for step, attention in enumerate(maps):
        metric.observe(SITE, Moment(step, len(maps)), attention)
    return metric.result()["diagonalness"]


def written_out(attention, radius):
    near = even = 0.0
    for i in range(FRAMES):
        inside = [j for j in range(FRAMES) if abs(i - j) <= radius]
        near += sum(float(attention[i, j]) for j in inside) / FRAMES
        even += len(inside) / FRAMES / FRAMES
    return (near - even) / (1 - even)


RANDOM = torch.randn(FRAMES, FRAMES, generator=torch.Generator().manual_seed(0)).softmax(dim=1)


@pytest.mark.parametrize("radius", [0.5, 1, 3])
def test_it_is_the_formula(radius):
    assert measured(RANDOM, radius=radius) == pytest.approx(written_out(RANDOM, radius), abs=1e-6)
    assert measured(torch.eye(FRAMES), radius=radius) == pytest.approx(1.0)
    assert measured(torch.full((FRAMES, FRAMES), 1 / FRAMES), radius=radius) == pytest.approx(0.0, abs=1e-6)


def test_attention_to_far_frames_is_below_0_and_maps_are_averaged():
    far = torch.eye(FRAMES).flip(0)
    assert measured(far, radius=1) < 0
    assert measured(far, torch.eye(FRAMES), radius=1) == pytest.approx((measured(far, radius=1) + 1) / 2)


def test_frames_that_see_text_alone_are_left_out():
    rows = torch.eye(FRAMES)
    rows[2] = 0.0
    assert measured(rows, radius=1) == pytest.approx(1.0)


def test_it_keeps_the_contract():
    assert -1 < check_metric(lambda: Diagonalness(DiagonalnessOptions()))["diagonalness"] < 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"radius": 30}, "diagonalness measures attention maps of none of the model's"),
        ({"window": [0, 0.1]}, "in 4 steps"),
        ({"levels": [7]}, "diagonalness measures attention maps of none"),
    ],
)
def test_what_has_no_maps_is_refused_beforehand(options, words):
    with pytest.raises(SpecError, match=words) as refused:
        make_plan(load_spec(STORY | {"metrics": [{"use": "diagonalness", **options}]}))
    assert refused.value.path == ("metrics", 0)


@pytest.fixture(scope="module")
def plain(session):
    return session.run(STORY)


def test_recording_leaves_the_picture_and_tar_brings_attention_nearer(session, plain):
    assert torch.equal(plain.latents, session.run({**STORY, "metrics": []}).latents)
    nursed = session.run(STORY | {"regularizers": [TAR]})
    assert nursed.manifest["metrics"]["diagonalness"] > plain.manifest["metrics"]["diagonalness"] + 0.05


@pytest.mark.parametrize("pause", [1, 3], ids=["inside the window", "behind it"])
def test_a_run_that_was_paused_measures_the_same(session, plain, tmp_path, pause):
    with pytest.raises(RunPaused):
        session.start(STORY, out=tmp_path / "run", pause_after=pause).result()
    resumed = session.resume(tmp_path / "run").result()
    assert torch.equal(resumed.latents, plain.latents)
    assert resumed.manifest["metrics"] == plain.manifest["metrics"]


def test_a_film_has_no_maps(session, tmp_path):
    spec = STORY | {"metrics": [*STORY["metrics"], {"use": "flicker"}], "output": [{"use": "frames"}]}
    made = session.run(spec, out=tmp_path / "run").manifest["metrics"]
    assert np.isclose(check(tmp_path / "run").numbers["flicker"], made["flicker"])
    for named, expected in ((["diagonalness"], []), ([], ["diagonalness>0.1"])):
        with pytest.raises(SpecError, match="diagonalness measures attention maps, which a film does not have"):
            check(tmp_path / "run", named, expected)
