"""Operations for some branches of the guidance: in each branch, what it would be alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from tests.attention.test_branched import LATENTS, NAMES, TEXTS, Wants, changed, plan
from vstar_sdk.attention.call import CallLayout, Current
from vstar_sdk.attention.check import check_guided
from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.layout import Layout
from vstar_sdk.attention.moment import Moment
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Bias, Logits, Mix, Scale, Skip, Wrap
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recipe import Act
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import PluginError, SpecError
from vstar_sdk.models.unet3d.family import UNET3D
from vstar_sdk.options import Course


def near(distance):
    return -distance.abs()


def twice(logits, distance):
    logits.mul_(2)


def even(distance):
    return torch.full_like(distance, 1 / len(distance))


OPERATIONS = {
    "bias": lambda branches: Bias(near, branches=branches),
    "statistic": lambda branches: Bias(near, "max", 0.3, branches=branches),
    "logits": lambda branches: Logits(twice, branches=branches),
    "mix": lambda branches: Mix(even, 0.5, branches=branches),
    "map": lambda branches: Mix(even, branches=branches),
}


@pytest.fixture
def unet(tiny_adapter):
    return copy.deepcopy(tiny_adapter.denoiser)


@pytest.fixture
def sites(tiny_source):
    return tiny_source.facts().sites


def predicted(unet, plan, *calls, names=True, recording=None):
    found = []
    with nurse(unet, plan, UNET3D, recording=recording) as nursing, torch.no_grad():
        for call in calls:
            nursing.at(0, 2)
            nursing.call(tuple(name != "negative" for name in call), 4, 4, names=call if names else ())
            text = torch.stack([TEXTS[name] for name in call])
            found += unet(LATENTS.expand(len(call), -1, -1, -1, -1), 500, encoder_hidden_states=text).sample
    return found


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name == "bias" else pytest.mark.slow) for name in OPERATIONS])
@pytest.mark.parametrize("branches", ["prompt", "negative"])
def test_each_branch_is_what_it_would_be_alone(unet, sites, name, branches):
    operation = OPERATIONS[name]
    plain = predicted(unet, plan(sites), ("negative",), ("prompt",))
    acting = predicted(unet, plan(sites, Wants(operation("all"))), ("negative",), ("prompt",))
    wanted = [plain[0], acting[1]] if branches == "prompt" else [acting[0], plain[1]]
    nursed = plan(sites, Wants(operation(branches)))
    two = ("negative", "prompt")
    one = predicted(unet, nursed, two, names=False)  # as a guidance whose branches are alike otherwise tells it
    several = predicted(unet, nursed, *((name,) for name in two), names=False)
    for together, apart, expected in zip(one, several, wanted, strict=True):
        torch.testing.assert_close(together, expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(apart, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(plain[0], acting[0], atol=1e-3)


def test_a_worse_branch_of_the_prompt_is_one_that_the_prompt_conditions(unet, sites):
    """Its own change comes after, and the maps that are recorded are of the others."""
    nursed = plan(sites, Wants(Bias(near, branches="prompt")), branches=changed(Scale(q=0.5)))
    one = predicted(unet, nursed, NAMES)
    several = predicted(unet, nursed, *((name,) for name in NAMES))
    wanted = [
        *predicted(unet, plan(sites), ("negative",)),
        *predicted(unet, plan(sites, Wants(Bias(near))), ("prompt",)),
        *predicted(unet, plan(sites, Wants(Bias(near), Scale(q=0.5))), ("worse",)),
    ]
    for together, apart, expected in zip(one, several, wanted, strict=True):
        torch.testing.assert_close(together, expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(apart, expected, atol=1e-5, rtol=1e-5)

    def maps(planned, *calls):
        recording = Recording([planned.sites[0].site], [0])
        predicted(unet, planned, *calls, recording=recording)
        return recording.maps()

    both = maps(nursed, NAMES)
    alone = [
        maps(plan(sites, Wants(operation)), (name,))
        for operation, name in ((Bias(near), "prompt"), (Scale(q=1.0001), "negative"))
    ]
    torch.testing.assert_close(both, sum(alone) / 2, atol=1e-4, rtol=1e-4)


SITE = Site.at(SiteAddress("block", "stack", 0, 2, 8, kind="joint"), Clock(3, 8.0))


def joint(flags, *operations, strength: Any = 1.0):
    current = Current(Moment(0, 1), CallLayout(lambda: flags, 2, 2))
    return compile_acts(SITE, [Act("it", (0.0, 1.0), operations, 0, strength)], current)


@pytest.mark.parametrize("flags", [(False, True), (True, False), (True,)])
def test_at_a_joint_site_beside_text_it_is_the_formula(flags):
    """Two videos of three frames of four tokens, and two tokens of text before them, of which the second video has one."""
    q, k, v = torch.randn(3, len(flags), 2, 14, 8, generator=torch.Generator().manual_seed(1))
    visible = torch.ones(len(flags), 14, dtype=torch.bool)
    visible[-1, 0] = False
    attend: Any = joint(flags, Bias(near, branches="prompt"), Bias(near, strength=0.5, branches="negative"))
    got = attend(q, k, v, layout=Layout(before=2, visible=visible))
    frame = torch.arange(12) // 4
    for video, prompted in enumerate(flags):
        logits = q[video].double() @ k[video].double().mT / 8**0.5
        logits[:, 2:, 2:] -= (1.0 if prompted else 0.5) * (frame[:, None] - frame[None]).abs()
        logits[:, :, ~visible[video]] = -torch.inf
        expected = logits.softmax(dim=-1) @ v[video].double()
        torch.testing.assert_close(got[video, :, 2:].double(), expected[:, 2:], atol=1e-5, rtol=0)


def test_a_wrap_around_them_sees_the_videos_of_its_branch_alone():
    seen = []

    def fn(call_next, query, key, value, q_frames, k_frames, call):
        seen.append((call.branches, len(query)))
        return call_next(query, key, value, q_frames, k_frames)

    q, k, v = torch.randn(3, 3, 2, 12, 8, generator=torch.Generator().manual_seed(1))
    flags = (False, True, True)
    wrapped = joint(flags, Wrap(fn), Bias(near, branches="prompt"))(q, k, v)
    assert torch.equal(wrapped, joint(flags, Bias(near, branches="prompt"))(q, k, v))
    assert seen == [((False,), 1), ((True, True), 2)]


def test_the_plan_says_where_it_acts_and_a_course_moves_both(sites):
    planned = plan(sites, Wants(Bias(near, "max", branches="prompt"), Bias(near)))
    assert "row statistics in branches of the prompt, masked sdpa in others (Wants)" in planned.summary(2)
    wants = Wants(Bias(near, branches="negative"))
    wants.options = type(wants.options)(strength=Course.model_validate({"from": 1.0, "to": 0.5}))
    assert "sdpa in branches of the prompt, masked sdpa in others (Wants at 1 to 0.5)" in plan(sites, wants).summary(2)


def test_what_another_branch_undoes_is_not_lost():
    whole, bias = Wants(Mix(even, branches="prompt")), Wants(Bias(near, branches="negative"))
    plan_attention([SITE], [whole, bias], Clock(3, 8.0), 2)
    with pytest.raises(SpecError, match="has no effect where Wants replaces all attention"):
        plan_attention([SITE], [whole, Wants(Bias(near))], Clock(3, 8.0), 2)


def test_a_branch_of_a_guidance_has_no_branches_of_its_own(sites):
    with pytest.raises(PluginError, match="has an operation for some branches"):
        plan(sites, branches=changed(Bias(near, branches="prompt")))
    plan(sites, Wants(Bias(near, branches="prompt")), branches=changed(Skip()))


def test_without_guidance_what_acts_in_the_negative_branch_alone_is_refused(sites):
    check_guided(
        plan(sites, Wants(Bias(near, branches="negative"), Bias(near)), Wants(Bias(near, branches="prompt"))).sites[0].acts
    )
    with pytest.raises(
        SpecError, match="Wants: acts in the branch of the negative prompt, and at guidance 1 there is none"
    ) as refused:
        check_guided(plan(sites, Wants(Bias(near)), Wants(Bias(near, branches="negative"))).sites[0].acts)
    assert refused.value.path == ("regularizers", 1)


@pytest.mark.slow
def test_a_compiled_graph_stays_for_all_steps_of_a_run():
    current = Current()
    attend: Any = compile_acts(SITE, [Act("it", (0.0, 1.0), (Bias(near, branches="prompt"),))], current)
    attend.prepare(torch.device("cpu"), torch.float32)
    q, k, v = torch.randn(3, 2, 2, 12, 8, generator=torch.Generator().manual_seed(1))
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    function = torch.compile(lambda q, k, v: attend(q, k, v), backend="eager", fullgraph=True)
    with torch.inference_mode():
        for step in range(4):
            current.moment, current.layout = Moment(step, 4), CallLayout(lambda: (False, True), 2, 2)
            torch.testing.assert_close(function(q, k, v), attend(q, k, v), atol=2e-6, rtol=0)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
