"""A regularizer's strength: a number or a course over its window, for every operation."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from vstar_sdk.attention.compiler import Compiled, compile_acts
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Bias, Logits, Mix, Scale, Wrap
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recipe import Act, lower
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import PluginError, SpecError
from vstar_sdk.models.unet3d.family import UNET3D
from vstar_sdk.options import Course, RegularizerOptions
from vstar_sdk.regularizers.identity import Identity
from vstar_sdk.regularizers.replacement import ReplacementOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions

FRAMES = 6
SITE = Site("attn", "down", 0, 2, 16, FRAMES, 8.0)
JOINT = Site("attn", "stack", 0, 2, 16, FRAMES, 8.0, kind="joint", index=0)
DISTANCE = torch.arange(float(FRAMES), dtype=torch.float64)[:, None] - torch.arange(float(FRAMES), dtype=torch.float64)
STRENGTHS = [1.0, 0.6, 0.25]


def course(start: float, end: float, **more: Any) -> Course:
    return Course.model_validate({"from": start, "to": end, **more})


def band(distance):
    return (-0.5 * distance.square()).exp()


def identity(distance):
    return (distance == 0).to(distance)


def halve(logits, distance):
    logits.mul_(torch.where(distance.abs() > 1, 0.5, 1.0))


def doubled(call_next, query, key, value, q_frames, k_frames, call):
    return 2.0 * call_next(query, key, value, q_frames, k_frames)


def qkv(site=SITE, positions=3) -> Any:
    generator = torch.Generator().manual_seed(0)
    tokens = FRAMES * (positions if site.kind == "joint" else 1)
    return torch.randn(3, 4, 2, tokens, 16, generator=generator)


def at(site, *operations):
    """An executor of operations of one strength that moves."""
    return Compiled(site, lower([Act("it", (0.0, 1.0), operations, 0, course(1.0, 0.0))], site.kind))


@pytest.mark.parametrize(
    ("ease", "strengths"), [("linear", [1.0, 0.8, 0.6, 0.4, 0.2]), ("smooth", [1.0, 0.875, 0.6, 0.325, 0.2])]
)
def test_a_course_begins_and_ends_with_its_window(ease, strengths):
    act = Act("it", (0.2, 0.7), (Bias(band),), 0, course(1.0, 0.2, ease=ease))
    assert [act.at(step, 10) for step in range(10)] == [0.0, 0.0, *map(pytest.approx, strengths), 0.0, 0.0, 0.0]
    assert (act.at(2, 10), act.at(6, 10)) == (1.0, 0.2)


def test_a_window_of_one_step_has_the_first_strength():
    assert Act("it", (0.0, 0.25), (Bias(band),), 0, course(0.3, 0.9)).at(0, 4) == 0.3


@pytest.mark.parametrize("wrong", [-1, True, {"from": 1}, {"from": -1, "to": 0}, {"from": 1, "to": 0, "ease": "fast"}, "soon"])
def test_what_is_no_strength_is_refused(wrong):
    with pytest.raises(ValidationError):
        RegularizerOptions(strength=wrong)


def tokens(matrix, site):
    """A matrix over frames as one over tokens."""
    return matrix if site.kind == "factorised" else matrix.repeat_interleave(3, 0).repeat_interleave(3, 1)


def literal(site, operation, strength):
    """The formula of one operation at a strength, materialised in float64."""
    q, k, v = qkv(site).double()
    logits = q @ k.mT / 4.0
    if isinstance(operation, Scale):
        factors = 1.0 + strength * (torch.as_tensor(operation.q, dtype=torch.float64) - 1.0)
        return (logits * tokens(factors[:, None].expand(-1, FRAMES), site)).softmax(-1) @ v
    if isinstance(operation, Bias):
        largest, mean = logits.amax(-1, keepdim=True), logits.mean(-1, keepdim=True)
        statistic = {"none": 1.0, "max": largest, "spread": largest - mean}[operation.stat]
        return (logits + strength * statistic * tokens(operation.fn(DISTANCE), site)).softmax(-1) @ v
    if isinstance(operation, Logits):
        halved = logits * torch.where(DISTANCE.abs() > 1, 0.5, 1.0)
        return (logits + strength * (halved - logits)).softmax(-1) @ v
    plain = logits.softmax(-1) @ v
    if isinstance(operation, Wrap):
        return plain + strength * (2.0 * plain - plain)
    inside = [(logits[..., i : i + 3, i : i + 3]).softmax(-1) @ v[..., i : i + 3, :] for i in range(0, 18, 3)]
    fixed = v if site.kind == "factorised" else torch.cat(inside, dim=-2)
    return (1.0 - strength * operation.weight) * plain + strength * operation.weight * fixed


ANYWHERE = [
    Bias(band),
    Bias(band, stat="max"),
    Bias(band, stat="spread"),
    Scale(q=(1.0, 2.0, 0.5, 1.5, 1.0, 3.0)),
    Mix(identity, 0.8),
    Mix(identity),
]
EACH = [(SITE, one) for one in [*ANYWHERE, Logits(halve), Wrap(doubled)]] + [(JOINT, one) for one in ANYWHERE]


@pytest.mark.parametrize(("site", "operation"), EACH, ids=lambda one: getattr(one, "kind", None) or type(one).__name__)
def test_every_operation_at_every_strength_is_its_formula(site, operation):
    moving = at(site, operation)
    for strength in STRENGTHS:
        expected = literal(site, operation, strength)
        moving.tune({0: strength})
        torch.testing.assert_close(moving.attend(*qkv(site)).double(), expected, atol=1e-5, rtol=0)
        constant = compile_acts(site, [Act("it", (0.0, 1.0), (operation,), 0, strength)])(*qkv(site))
        torch.testing.assert_close(constant.double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("site", [SITE, JOINT], ids=["factorised", "joint"])
@pytest.mark.parametrize("operation", ANYWHERE, ids=lambda one: type(one).__name__)
def test_a_step_of_a_course_is_the_constant_of_its_strength_to_the_bit(site, operation):
    moving = at(site, operation)
    for strength in STRENGTHS:
        moving.tune({0: strength})
        constant = compile_acts(site, [Act("it", (0.0, 1.0), (operation,), 0, strength)])
        assert torch.equal(moving.attend(*qkv(site)), constant(*qkv(site)))


def test_what_is_hidden_stays_hidden_at_every_strength_and_the_rest_fades():
    def far(distance):
        return distance.masked_fill(distance.abs() > 2, -torch.inf)

    moving = at(SITE, Bias(far))
    q, k, v = qkv()
    for strength in STRENGTHS:
        moving.tune({0: strength})
        bias = torch.where(DISTANCE.abs() > 2, -torch.inf, strength * DISTANCE)
        expected = (q.double() @ k.double().mT / 4.0 + bias).softmax(-1) @ v.double()
        torch.testing.assert_close(moving.attend(q, k, v).double(), expected, atol=1e-5, rtol=0)


def test_a_share_of_a_change_leaves_hidden_frames_hidden():
    hide = Bias(lambda distance: (0.0 * distance).masked_fill(distance.abs() > 2, -torch.inf))
    moving = at(SITE, hide, Logits(halve))
    moving.tune({0: 0.5})
    assert moving.attend(*qkv()).isfinite().all()


def test_a_share_of_a_change_shows_in_full_what_was_hidden_and_hides_in_full_what_was_not():
    def swap(logits, distance):
        shown = distance.abs() > 2
        logits.masked_fill_(shown, 0.25)
        logits.masked_fill_(distance == 1, -torch.inf)
        logits.add_(0.5 * (distance == 0))

    hide = Bias(lambda distance: (0.0 * distance).masked_fill(distance.abs() > 2, -torch.inf))
    moving = at(SITE, hide, Logits(swap))
    q, k, v = qkv().double()
    for strength in STRENGTHS:
        logits = q @ k.mT / 4.0 + strength * 0.5 * (DISTANCE == 0)
        logits = torch.where(DISTANCE.abs() > 2, 0.25, logits.masked_fill(DISTANCE == 1, -torch.inf))
        moving.tune({0: strength})
        torch.testing.assert_close(moving.attend(*qkv()).double(), logits.softmax(-1) @ v, atol=1e-5, rtol=0)


def test_sites_of_a_course_do_not_share_their_matrices():
    one, other = at(SITE, Bias(band)), at(SITE, Bias(band))
    before = other.attend(*qkv())
    one.tune({0: 0.25})
    assert torch.equal(other.attend(*qkv()), before)


def test_strengths_may_change_outside_of_the_mode_in_which_they_were_first_used():
    moving = at(SITE, Bias(band, stat="max"), Scale(q=2.0))
    with torch.inference_mode():
        moving.attend(*qkv())
    moving.tune({0: 0.5})
    with torch.inference_mode():
        moving.tune({0: 0.25})
        inside = moving.attend(*qkv())
    assert torch.equal(inside, moving.attend(*qkv()))


@pytest.mark.parametrize(
    "operations",
    [[Bias(band, stat="max")], [Bias(band)], [Scale(q=1.5)], [Logits(halve)], [Mix(identity, 0.5)], [Wrap(doubled)]],
    ids=lambda operations: type(operations[0]).__name__,
)
def test_another_strength_needs_no_other_graph(operations):
    moving = at(SITE, *operations)
    moving.prepare(torch.device("cpu"), torch.float32)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    function = torch.compile(lambda q, k, v: moving.attend(q, k, v), backend="eager", fullgraph=True)
    with torch.inference_mode():
        for strength in STRENGTHS:
            moving.tune({0: strength})
            torch.testing.assert_close(function(*qkv()), moving.attend(*qkv()), atol=2e-6, rtol=0)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


ADDRESS = SiteAddress("attn", "down", 0, 2, 16)


def plan(*regularizers, steps=10):
    return plan_attention([ADDRESS], regularizers, Clock(FRAMES, 8.0), steps)


def test_a_plan_says_what_a_course_does_in_each_stretch_of_steps():
    strength = course(1.0, 0.0)
    tar = Tar(TarOptions(sigma={0: 1}, strength=strength, window=(0.0, 0.5)))
    assert plan(tar).summary(10).splitlines()[0] == "level 0, 1 site: steps 0-3 row statistics (Tar at 1 to 0.25); steps 4-9 sdpa"


def test_a_map_takes_no_more_than_all():
    with pytest.raises(SpecError, match=r"Identity: at strength 2 its map of weight 0\.8 would exceed 1") as caught:
        plan(Identity(ReplacementOptions(weight=0.8, strength=course(0.5, 2.0))))
    assert caught.value.path == ("regularizers", 0, "strength")
    assert caught.value.hint == "set the strength to at most 1.25"


@pytest.mark.parametrize("scale", [0.5, (1.0, 0.5, 2.0) * (FRAMES // 3) + (1.0,) * (FRAMES % 3)], ids=["one", "frames"])
def test_a_strength_does_not_turn_the_attention_round(scale):
    softer = Doubling(Scale(k=scale), strength=3.0)
    with pytest.raises(SpecError, match=r"Doubling: at strength 3 its scale of 0\.5 would be negative") as caught:
        plan(softer)
    assert caught.value.path == ("regularizers", 0, "strength")
    assert caught.value.hint == "set the strength to at most 2"
    assert plan(Doubling(Scale(k=scale), strength=2.0)).sites
    assert plan(Doubling(Scale(k=1.5), strength=3.0)).sites


def test_a_memory_that_asks_for_more_than_there_is_is_told():
    with pytest.raises(PluginError, match=r"its mix at attn has the weight 1\.5"):
        at(SITE, Mix(identity)).tune({0: 1.5})
    with pytest.raises(PluginError, match="its scale at attn is negative at strength 3"):
        at(SITE, Scale(q=0.5)).tune({0: 3.0})


def test_a_map_that_does_not_stay_whole_leaves_the_others_their_work():
    tar = Tar(TarOptions(sigma={0: 1}, window=(0.0, 1.0)))
    assert plan(tar, Identity(ReplacementOptions(strength=0.5))).sites
    assert plan(tar, Identity(ReplacementOptions(strength=course(1.0, 0.5)))).sites
    with pytest.raises(SpecError, match="has no effect where Identity replaces"):
        plan(tar, Identity(ReplacementOptions(weight=0.5, strength=2.0)))


class Doubling:
    """A wrap everywhere."""

    def __init__(self, *operations, **options):
        self.options, self._operations = RegularizerOptions(**options), operations

    def operations(self, site):
        return self._operations


@pytest.mark.parametrize("operation", [Wrap(doubled), Logits(halve), Mix(identity), Scale(q=2.0), Bias(band, stat="max")])
@pytest.mark.parametrize("strength", [0.0, course(0.0, 1.0)], ids=["constant", "course"])
def test_strength_0_is_the_plain_model_to_the_bit_whatever_is_done(tiny_adapter, tiny_source, operation, strength):
    unet = copy.deepcopy(tiny_adapter.denoiser)
    random = torch.Generator().manual_seed(3)
    latents, text = torch.randn(2, 4, 8, 4, 4, generator=random), torch.randn(2, 12, 16, generator=random)

    def run():
        with torch.no_grad():
            return unet(latents, 500, encoder_hidden_states=text).sample

    made = plan_attention(tiny_source.facts().sites, [Doubling(operation, strength=strength)], Clock(8, 8.0), 4)
    plain = run()
    with nurse(unet, made, UNET3D) as nursing:
        nursing.at(0, 4)
        assert torch.equal(run(), plain)
        nursing.at(3, 4)
        assert torch.equal(run(), plain) == (strength == 0.0)
