"""PAG and SLG: the combination, when its branches are predicted, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from vstar_sdk import Session, SpecError, load_spec
from vstar_sdk.attention.moment import Moment
from vstar_sdk.options import GuidanceOptions
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.sampling.cfg import Cfg
from vstar_sdk.sampling.contract import branches_at
from vstar_sdk.sampling.perturbed import PagOptions, SlgOptions, pag, slg
from vstar_sdk.testing.guidances import check_guidance

GIVEN: dict[Any, torch.Tensor] = dict(
    zip(("negative", "prompt", "worse"), torch.randn(3, 1, 4, 3, 8, 8, generator=torch.Generator().manual_seed(0)), strict=True)
)
NOW = Moment(0, 8, 999.0)
STORY = {
    "prompt": "a landscape from winter to autumn",
    "frames": 4,
    "size": [32, 32],
    "synopsis": {"use": "miniworld", "states": 2},
}


def story(guidance, *regularizers, **sampling):
    return STORY | {"regularizers": list(regularizers), "sampling": {"steps": 2, "guidance": guidance} | sampling}


@pytest.fixture(scope="module")
def session():
    with Session() as shared:
        yield shared


def test_the_combination_is_the_formula():
    negative, prompt, worse = (GIVEN[name].double() for name in ("negative", "prompt", "worse"))
    guidance = pag(PagOptions(strength=2.0))
    expected = negative + 7.5 * (prompt - negative) + 2.0 * (prompt - worse)
    torch.testing.assert_close(guidance.combine(GIVEN, 7.5, NOW).double(), expected, atol=1e-5, rtol=1e-5)
    at_1 = {"prompt": GIVEN["prompt"], "worse": GIVEN["worse"]}
    torch.testing.assert_close(guidance.combine(at_1, 1.0, NOW).double(), prompt + 2.0 * (prompt - worse), atol=1e-5, rtol=1e-5)


def test_without_its_branch_it_is_cfg_to_the_bit():
    given = {name: GIVEN[name] for name in ("negative", "prompt")}
    assert torch.equal(pag(PagOptions()).combine(given, 7.5, NOW), Cfg(GuidanceOptions()).combine(given, 7.5, NOW))


def test_it_keeps_the_contract():
    check_guidance(lambda: pag(PagOptions()))
    check_guidance(lambda: slg(SlgOptions(levels=[0], window=(0.25, 0.5))))


def names(guidance, scale, steps=8):
    return [",".join(branch.name[0] for branch in branches_at(guidance, scale, step, steps)) for step in range(steps)]


def test_a_branch_is_predicted_in_its_window_alone():
    some = PagOptions(window=(0.25, 0.5), stop=0.75)
    assert names(pag(some), 3.0) == ["n,p", "n,p", "n,p,w", "n,p,w", "n,p", "n,p", "p", "p"]
    assert names(pag(some), 1.0) == ["p", "p", "p,w", "p,w", "p", "p", "p", "p"]
    assert names(pag(PagOptions(strength=0.0)), 3.0) == ["n,p"] * 8
    assert names(slg(SlgOptions(levels=[0])), 3.0, 25) == ["n,p,w"] * 5 + ["n,p"] * 20


def test_slg_must_say_where():
    with pytest.raises(ValidationError, match="say which layers are left out"):
        SlgOptions()


@pytest.mark.parametrize(
    ("guidance", "message", "path"),
    [
        ({"use": "pag", "levels": [7]}, "pag: the model has no temporal attention at level 7; it has", "levels"),
        (
            {"use": "slg", "blocks": [0, 1]},
            "slg: this model is not a stack of equal blocks, so its blocks have no numbers",
            "blocks",
        ),
        ({"use": "pag", "window": [0.0, 0.2]}, "the window [0, 0.2] of its branch worse holds none of 2 steps", None),
    ],
)
def test_what_would_change_nothing_is_refused_with_its_place(guidance, message, path):
    with pytest.raises(SpecError) as refused:
        make_plan(load_spec(story(guidance)))
    assert message in refused.value.message
    assert refused.value.path == ("sampling", "guidance", *([path] if path else []))
    assert refused.value.hint


def test_the_plan_says_what_is_left_out_and_where():
    plan = make_plan(load_spec(story({"use": "pag", "levels": [0]})))
    assert plan.settings.branches == 3
    assert "without scores in the branch worse (pag) in steps 0-1" in plan.attention.summary(2)
    assert {site.site.level for site in plan.attention.sites} == {0}
    assert make_plan(load_spec(story({"use": "pag", "scale": 1}))).settings.branches == 2


@pytest.mark.parametrize("worse", [{"use": "pag"}, {"use": "slg", "levels": [0], "window": [0, 1]}], ids=lambda one: one["use"])
def test_in_a_run_it_acts_beside_tar_and_at_strength_0_it_is_cfg_to_the_bit(session, worse):
    tar = {"use": "tar", "sigma": {0: 1}, "window": [0, 1]}
    plain = session.run(story({"scale": 3.0}, tar)).latents
    one = session.run(story({"scale": 3.0, **worse}, tar)).latents
    two = session.run(story({"scale": 3.0, **worse}, tar, guidance_batch="two")).latents
    assert (one - plain).abs().max() > 1e-3
    torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)
    assert torch.equal(session.run(story({"scale": 3.0, "strength": 0, **worse}, tar)).latents, plain)
    assert (session.run(story({"scale": 1.0, **worse}, tar)).latents - one).abs().max() > 1e-3
