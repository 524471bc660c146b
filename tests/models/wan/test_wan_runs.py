"""One spec, from the states to the frames, on Wan 2.1 and 2.2."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from vstar_sdk import ModelError, Session, SpecError, load_spec
from vstar_sdk.cli.main import cli
from vstar_sdk.models.wan.source import WanOptions, WanSource
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.testing.models import check_model

PRESETS = Path(__file__).parents[3] / "specs" / "wan"

SUMMER, WINTER, AUTUMN = "a green landscape in summer", "a snowy landscape in winter", "an orange landscape in autumn"
TAR: dict[str, Any] = {"use": "tar", "sigma": 1}
STORY = {
    "prompt": "a landscape from summer to autumn",
    "size": [32, 32],
    "frames": 17,
    "synopsis": {"use": "states", "states": [SUMMER, WINTER, AUTUMN]},
    "regularizers": [TAR],
    "sampling": {"steps": 2},
}
both = pytest.mark.parametrize("model", ["wan_21", "wan_22"], indirect=True)


def story(directory, /, **changes) -> dict[str, Any]:
    options = {"use": "wan", "path": str(directory), **changes.pop("model", {})}
    return {**STORY, "model": options, **changes}


@both
@pytest.mark.parametrize("frames", [17, 65])
def test_a_story_with_states_and_tar(session, model, frames):
    result = session.run(story(model, frames=frames))
    assert result.latents.shape == (1, 4, (frames - 1) // 4 + 1, 4, 4)
    assert sum(frame.shape == (32, 32, 3) for frame in result.frames()) == frames
    plain = session.run(story(model, frames=frames, regularizers=[]))
    assert (result.latents - plain.latents).abs().max() > 1e-3


@both
def test_the_model_after_a_run_is_exactly_as_before(session, model):
    adapter: Any = session.run(story(model, regularizers=[])).adapter
    before = [module.processor for module in adapter.denoiser.modules() if hasattr(module, "processor")]
    weights = {name: value.clone() for name, value in adapter.denoiser.state_dict().items()}
    assert session.run(story(model)).adapter is adapter
    after = [module.processor for module in adapter.denoiser.modules() if hasattr(module, "processor")]
    assert all(one is other for one, other in zip(before, after, strict=True))
    assert all(torch.equal(value, weights[name]) for name, value in adapter.denoiser.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in adapter.denoiser.modules())


@pytest.mark.parametrize("offload", ["model", "group"])
def test_offloading_changes_no_bit_and_leaves_the_model_as_it_was(session, wan_22, offload):
    plain = session.run(story(wan_22))
    moved = session.run(story(wan_22, model={"offload": offload}))
    assert torch.equal(moved.latents, plain.latents)
    adapter: Any = moved.adapter
    assert adapter.placement.resident == frozenset()
    assert {type(m.processor).__name__ for m in adapter.denoiser.modules() if hasattr(m, "processor")} == {"WanAttnProcessor"}


def test_strength_0_is_no_regularizer(session, wan_21):
    without = session.run(story(wan_21, regularizers=[]))
    zero = session.run(story(wan_21, regularizers=[{**TAR, "strength": 0}]))
    assert (zero.latents - without.latents).abs().max() < 1e-6


def test_tar_has_defaults_of_its_own_here_which_the_resolved_spec_says(session, wan_21):
    def resolved(*regularizers):
        changes = {"regularizers": list(regularizers)} if regularizers else {}
        written = {key: value for key, value in story(wan_21).items() if key != "regularizers"} | changes
        return [(options.stat, options.strength) for options in session.run(written).spec.regularizers]

    assert resolved() == [("spread", 0.5)]
    assert resolved(TAR) == [("spread", 0.5)]
    assert resolved({**TAR, "stat": "max", "strength": 1.0}) == [("max", 1.0)]


def test_equal_states_are_the_plain_model(session, wan_21):
    one = session.run(story(wan_21, synopsis={"use": "states", "states": [SUMMER]}, regularizers=[]))
    three = session.run(story(wan_21, synopsis={"use": "states", "states": [SUMMER] * 3}, regularizers=[]))
    assert (one.latents - three.latents).abs().max() < 1e-5


@pytest.mark.parametrize(
    "regularizer",
    [
        {"use": "window", "radius": 1},
        {"use": "alibi", "slope": 0.5},
        {"use": "temperature", "scale": 2.0},
        {"use": "identity", "blocks": [1, 1]},
        {"use": "uniform", "weight": 0.5},
        {"use": "tar", "stat": "spread", "blocks": [0, 0]},
    ],
    ids=lambda options: options["use"],
)
def test_every_built_in_regularizer_runs_unchanged(session, wan_21, regularizer):
    without = session.run(story(wan_21, regularizers=[]))
    nursed = session.run(story(wan_21, regularizers=[{**regularizer, "window": [0, 1]}]))
    assert nursed.latents.isfinite().all()
    assert (nursed.latents - without.latents).abs().max() > 1e-4


def test_the_resolved_spec_gives_the_same_frames(session, wan_22):
    def digest(result):
        return hashlib.sha256(b"".join(frame.tobytes() for frame in result.frames())).hexdigest()

    first = session.run(story(wan_22, model={"flow_shift": 5.0}))
    assert first.spec.sampling.scheduler == "unipc"
    assert digest(session.run(first.spec)) == digest(first)


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"frames": 64}, "Wan 2.1 cannot make 64 frames", "use 61 or 65"),
        ({"size": [32, 40]}, "width and height must be multiples of 16", "the nearest size is 32 x 32"),
        ({"regularizers": [{**TAR, "blocks": [0, 30]}]}, "no block 30; it has blocks 0 to 1", "name the first and the last"),
        ({"regularizers": [{**TAR, "blocks": [1, 0]}]}, r"blocks \[1, 0\]: write the first and the last block", ""),
        ({"model": {"compile": True}}, "wan cannot be compiled", ""),
    ],
)
def test_what_the_model_cannot_do_is_an_error_before_it_is_loaded(session, wan_21, changes, message, hint):
    with pytest.raises(SpecError, match=message) as refused:
        session.run(story(wan_21, **changes))
    assert (refused.value.hint or "").startswith(hint)


@pytest.mark.parametrize("scheduler", ["ddim", "euler", "lcm"])
def test_a_scheduler_that_cannot_match_flows_is_refused_by_name(session, wan_21, scheduler):
    with pytest.raises(SpecError, match=f"scheduler '{scheduler}' is not for models trained by flow matching") as refused:
        session.run(story(wan_21, sampling={"steps": 2, "scheduler": scheduler}))
    assert refused.value.hint == "use one of dpm++, dpm++-karras, dpm++-sde, flow-euler, flow-euler-even, unipc"


def test_a_hub_id_needs_a_revision(session):
    with pytest.raises(ModelError, match="a hub id needs a revision"):
        session.run(story("Wan-AI/Wan2.1-T2V-1.3B-Diffusers"))


def test_the_plan_shows_the_joint_sites_and_an_estimate(wan_21, tmp_path):
    spec = tmp_path / "story.yaml"
    spec.write_text(json.dumps(story(wan_21)))
    shown = CliRunner().invoke(cli, ["plan", str(spec)])
    assert shown.exit_code == 0, shown.output
    assert "frame-pair bias with row statistics (tar)" in shown.output
    assert "peak memory" in shown.output


@pytest.mark.parametrize("preset", sorted(path.name for path in PRESETS.glob("*.yaml")))
def test_the_presets_fit_the_model(wan_21, preset):
    loaded = load_spec(PRESETS / preset, overrides=[f"model.path={wan_21}"])
    planned = make_plan(loaded)
    assert planned.settings.frames % 4 == 1
    assert [site.site.index for site in planned.attention.sites] == [0, 1]
    assert planned.story is not None
    assert len(planned.story.synopsis.states) == 4


def test_half_precision_is_near_single_precision(session, wan_22):
    single, half = (session.run(story(wan_22, model={"dtype": dtype})) for dtype in ("float32", "bfloat16"))
    adapter: Any = half.adapter
    assert (adapter.denoiser.dtype, adapter.vae.dtype) == (torch.bfloat16, torch.float32)
    difference = (half.latents - single.latents).abs().mean() / single.latents.abs().mean()
    assert 0 < difference < 0.03
    assert sum(1 for _ in half.frames()) == 17


@pytest.mark.parametrize("version", ["wan_21", "wan_22"])
def test_the_kits_own_check(version, request):
    source = WanSource(WanOptions(path=str(request.getfixturevalue(version))))
    check_model(source, frames=9, width=32, height=32, tolerance=1e-5)


def test_temperature_does_not_guess_on_a_model_of_tokens(wan_21):
    spec = {"model": {"use": "wan", "path": str(wan_21)}, "synopsis": {"use": "states", "states": ["a beach"]}, "frames": 17}
    with pytest.raises(SpecError, match="attends over all tokens of a clip") as refused:
        make_plan(load_spec(spec | {"size": [32, 32], "regularizers": [{"use": "temperature"}]}))
    assert "scale" in str(refused.value)


def test_a_session_holds_one_flow_shift_at_a_time_and_the_resolved_spec_says_which(wan_21):
    spec = {"synopsis": {"use": "states", "states": ["a beach"]}, "frames": 5, "size": [32, 32], "sampling": {"steps": 1}}
    with Session() as session:
        shifts = []
        for shift in (None, 5.0):
            result = session.run(spec | {"model": {"use": "wan", "path": str(wan_21), "flow_shift": shift}, "regularizers": []})
            shifts.append(result.spec.model_dump()["model"]["flow_shift"])
        assert len(session.models) == 1
    assert shifts == [3.0, 5.0]
