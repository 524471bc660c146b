"""One spec, from the states to the frames, on LTX-Video."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from vstar_sdk import SpecError, load_spec
from vstar_sdk.cli.main import cli
from vstar_sdk.runs.plan import make_plan

PRESETS = Path(__file__).parents[3] / "specs" / "ltx"
SUMMER, WINTER = "a green landscape in summer", "a snowy winter"
TAR: dict[str, Any] = {"use": "tar", "sigma": 1}


def story(directory, /, **changes) -> dict[str, Any]:
    options = {"use": "ltx", "path": str(directory), **changes.pop("model", {})}
    told = {"synopsis": {"use": "states", "states": [SUMMER, WINTER]}, "regularizers": [TAR], "sampling": {"steps": 2}}
    return {"prompt": "a landscape", "size": [32, 64], "frames": 17, **told, "model": options, **changes}


@pytest.mark.parametrize("frames", [17, pytest.param(65, marks=pytest.mark.slow)])
def test_a_story_with_states_and_tar(session, tiny_ltx, frames):
    result = session.run(story(tiny_ltx, frames=frames))
    assert result.latents.shape == (1, 4, (frames - 1) // 8 + 1, 2, 1)
    assert sum(frame.shape == (64, 32, 3) for frame in result.frames()) == frames
    plain = session.run(story(tiny_ltx, frames=frames, regularizers=[]))
    assert (result.latents - plain.latents).abs().max() > 1e-3
    chosen = result.spec.regularizers[0]
    assert (chosen.stat, chosen.strength) == ("spread", 0.5)


def test_strength_0_and_equal_states_are_the_plain_model(session, tiny_ltx):
    def run(states, *regularizers):
        told = {"use": "states", "states": states}
        return session.run(story(tiny_ltx, synopsis=told, regularizers=list(regularizers))).latents

    plain = run([SUMMER])
    assert torch.equal(run([SUMMER] * 3), plain)
    assert torch.equal(run([SUMMER], {**TAR, "strength": 0}), plain)
    assert not torch.equal(run([SUMMER, WINTER]), plain)


@pytest.mark.parametrize("offload", [pytest.param("model", marks=pytest.mark.slow), "group"])
def test_offloading_changes_no_bit_and_leaves_the_model_as_it_was(session, tiny_ltx, offload):
    plain, moved = (session.run(story(tiny_ltx, model={"offload": how})) for how in ("none", offload))
    assert torch.equal(moved.latents, plain.latents)
    assert sum(1 for _ in moved.frames()) == 17
    adapter: Any = moved.adapter
    assert adapter.placement.resident == frozenset()
    processors = {type(module.processor).__name__ for module in adapter.denoiser.modules() if hasattr(module, "processor")}
    assert processors == {"LTXVideoAttnProcessor"}


def test_a_shift_of_ones_own_is_another_schedule_and_the_resolved_spec_says_it(session, tiny_ltx):
    own, chosen = (session.run(story(tiny_ltx, model={"flow_shift": shift})) for shift in (None, 9.0))
    assert [result.spec.model_dump()["model"]["flow_shift"] for result in (own, chosen)] == [None, 9.0]
    assert not torch.equal(own.latents, chosen.latents)


FLOW = "use one of flow-euler, flow-euler-even, unipc"


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"frames": 64}, "LTX-Video cannot make 64 frames", "use 57 or 65"),
        ({"size": [32, 40]}, "width and height must be multiples of 32", "the nearest size is 32 x 32"),
        ({"model": {"compile": True}}, "ltx cannot be compiled", ""),
        ({"sampling": {"steps": 1}}, "cannot take 1 steps", "use another number of steps"),
        ({"sampling": {"steps": 2, "scheduler": "ddim"}}, "is not for models trained by", FLOW),
        ({"sampling": {"steps": 2, "scheduler": "dpm++"}}, "has no shift_terminal", FLOW),
    ],
)
def test_what_the_model_cannot_do_is_an_error(session, tiny_ltx, changes, message, hint):
    with pytest.raises(SpecError, match=message) as refused:
        session.run(story(tiny_ltx, **changes))
    assert (refused.value.hint or "").startswith(hint)


def test_another_scheduler_of_flows(session, tiny_ltx):
    latents = session.run(story(tiny_ltx, sampling={"steps": 4, "scheduler": "unipc"})).latents
    assert latents.isfinite().all()


@pytest.mark.slow
def test_half_precision_is_near_single_precision(session, tiny_ltx):
    single, half = (session.run(story(tiny_ltx, model={"dtype": dtype})) for dtype in ("float32", "bfloat16"))
    difference = (half.latents - single.latents).abs().mean() / single.latents.abs().mean()
    assert 0 < difference < 0.03


def test_the_plan_shows_the_joint_sites_and_an_estimate(tiny_ltx, tmp_path):
    spec = tmp_path / "story.yaml"
    spec.write_text(json.dumps(story(tiny_ltx)))
    shown = CliRunner().invoke(cli, ["plan", str(spec)])
    assert shown.exit_code == 0, shown.output
    assert "frame-pair bias with row statistics (tar)" in shown.output
    assert "peak memory" in shown.output


@pytest.mark.parametrize("preset", sorted(path.name for path in PRESETS.glob("ltx-video*.yaml")))
def test_the_presets_fit_the_model(tiny_ltx, preset):
    planned = make_plan(load_spec(PRESETS / preset, overrides=[f"model.path={tiny_ltx}"]))
    assert planned.settings.frames % 8 == 1
    assert [site.site.index for site in planned.attention.sites] == [0, 1]
    assert planned.story is not None
    assert len(planned.story.synopsis.states) == 4
