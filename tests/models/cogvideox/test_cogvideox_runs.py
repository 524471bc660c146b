"""One spec, from the states to the frames, on CogVideoX 2B and 5B."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from vstar_sdk import SpecError, load_spec
from vstar_sdk.cli.main import cli
from vstar_sdk.models.cogvideox.source import CogVideoXOptions, CogVideoXSource
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.testing.models import check_model

PRESETS = Path(__file__).parents[3] / "specs" / "cogvideox"
SUMMER, WINTER = "a green landscape in summer", "a snowy landscape in winter"
TAR: dict[str, Any] = {"use": "tar", "sigma": 1}
both = pytest.mark.parametrize("model", ["cogvideox_2b", "cogvideox_5b"], indirect=True)


def story(directory, /, **changes) -> dict[str, Any]:
    options = {"use": "cogvideox", "path": str(directory), **changes.pop("model", {})}
    own = {
        "size": [32, 32],
        "frames": 17,
        "synopsis": {"use": "states", "states": [SUMMER]},
        "regularizers": [TAR],
        "sampling": {"steps": 2},
    }
    return {**own, "model": options, **changes}


@pytest.fixture(scope="module")
def plain(session, cogvideox_5b):
    """The 5B's clip without regularizers."""
    return session.run(story(cogvideox_5b, regularizers=[]))


@pytest.mark.parametrize(("model", "frames"), [("cogvideox_2b", 65), ("cogvideox_5b", 17)], indirect=["model"])
def test_one_state_and_tar(session, model, frames):
    result = session.run(story(model, frames=frames))
    assert result.latents.shape == (1, 4, (frames - 1) // 4 + 1, 4, 4)
    assert sum(frame.shape == (32, 32, 3) for frame in result.frames()) == frames
    plain = session.run(story(model, frames=frames, regularizers=[]))
    assert (result.latents - plain.latents).abs().max() > 1e-4
    zero = session.run(story(model, frames=frames, regularizers=[{**TAR, "strength": 0}]))
    assert torch.equal(zero.latents, plain.latents)


@pytest.mark.parametrize("scheduler", ["cogvideox-dpm", "dpm++"])
def test_another_scheduler(session, cogvideox_5b, scheduler):
    result = session.run(story(cogvideox_5b, sampling={"steps": 2, "scheduler": scheduler}))
    assert result.latents.isfinite().all()


def test_equal_states_are_one(session, cogvideox_2b):
    one = session.run(story(cogvideox_2b))
    three = session.run(story(cogvideox_2b, synopsis={"use": "states", "states": [SUMMER] * 3}))
    assert torch.equal(one.latents, three.latents)


@pytest.mark.parametrize(
    ("synopsis", "number"),
    [({"use": "states", "states": [SUMMER, WINTER, SUMMER]}, 2), ({"use": "llm"}, 4)],
    ids=["written", "of a language model, which is not asked"],
)
def test_several_states_are_refused_in_the_plan(cogvideox_2b, synopsis, number):
    with pytest.raises(SpecError, match=f"CogVideoX 2B does not support {number} different states: .* one text") as refused:
        make_plan(load_spec(story(cogvideox_2b, prompt="a landscape", synopsis=synopsis)))
    assert refused.value.path[0] == "synopsis"
    assert "Prompt Relay" in str(refused.value.hint)


@pytest.mark.parametrize(
    "regularizer",
    [
        {"use": "window", "radius": 1},
        {"use": "alibi", "slope": 0.5},
        {"use": "temperature", "scale": 2.0},
        {"use": "identity", "blocks": [1, 1]},
        {"use": "uniform", "weight": 0.5},
    ],
    ids=lambda options: options["use"],
)
def test_every_built_in_regularizer_runs_unchanged(session, cogvideox_5b, plain, regularizer):
    nursed = session.run(story(cogvideox_5b, regularizers=[{**regularizer, "window": [0, 1]}]))
    assert nursed.latents.isfinite().all()
    assert (nursed.latents - plain.latents).abs().max() > 1e-4


@pytest.mark.parametrize("offload", [pytest.param("model", marks=pytest.mark.slow), "group"])
def test_offloading_changes_no_bit(session, cogvideox_5b, plain, offload):
    moved = session.run(story(cogvideox_5b, model={"offload": offload}, regularizers=[]))
    assert torch.equal(moved.latents, plain.latents)
    assert moved.adapter.placement.resident == frozenset()


def test_half_precision_is_near_single_precision(session, cogvideox_5b, plain):
    half = session.run(story(cogvideox_5b, model={"dtype": "bfloat16"}, regularizers=[{**TAR, "strength": 1e-4}]))
    difference = (half.latents - plain.latents).abs().mean() / plain.latents.abs().mean()
    assert 0 < difference < 0.05
    assert sum(1 for _ in half.frames()) == 17


def test_the_resolved_spec_gives_the_same(session, cogvideox_2b):
    first = session.run(story(cogvideox_2b))
    assert first.spec.sampling.scheduler == "cogvideox-ddim"
    assert torch.equal(session.run(first.spec).latents, first.latents)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": 64}, "CogVideoX 2B cannot make 64 frames"),
        ({"size": [32, 40]}, "width and height must be multiples of 16"),
        ({"model": {"compile": True}}, "cogvideox cannot be compiled"),
        ({"sampling": {"eta": 0.5}}, "has no eta"),
    ],
)
def test_what_the_model_cannot_do_is_an_error_before_it_is_loaded(session, cogvideox_2b, changes, message):
    with pytest.raises(SpecError, match=message):
        session.run(story(cogvideox_2b, **changes))


def test_the_plan_shows_the_joint_sites_and_an_estimate(cogvideox_2b, tmp_path):
    spec = tmp_path / "story.yaml"
    spec.write_text(json.dumps(story(cogvideox_2b)))
    shown = CliRunner().invoke(cli, ["plan", str(spec)])
    assert shown.exit_code == 0, shown.output
    assert "frame-pair bias with row statistics (tar)" in shown.output
    assert "peak memory" in shown.output


@pytest.mark.parametrize("preset", sorted(path.name for path in PRESETS.glob("*.yaml")))
def test_the_presets_fit_the_model(cogvideox_2b, preset):
    planned = make_plan(load_spec(PRESETS / preset, overrides=[f"model.path={cogvideox_2b}"]))
    assert planned.settings.frames == 49
    assert [site.site.index for site in planned.attention.sites] == [0, 1]


@both
def test_the_kits_own_check(model):
    check_model(CogVideoXSource(CogVideoXOptions(path=str(model))), frames=9, width=32, height=32)
