"""Other rotary positions: queries and keys as if the model had turned them so."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
import torch
from torch import nn

from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.executors import plain_attention
from vstar_sdk.attention.layout import Layout
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Bias, Rotary
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.recipe import Act
from vstar_sdk.attention.sites import RotaryPositions, Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import PluginError, SpecError
from vstar_sdk.options import Course, RegularizerOptions

FRAMES, POSITIONS, HEAD = 6, 3, 16
FREQUENCIES = (1.0, 0.5, 0.1)
KINDS = [("factorised", "neighbours"), ("factorised", "halves"), ("joint", "neighbours"), ("joint", "halves")]


def slower(positions, frequencies):
    """The slowest pair turns no more than nine tenths of once in the clip, and the clip runs at half the speed (RIFLEx)."""
    limit = torch.tensor(0.9 * 2.0 * math.pi / FRAMES, dtype=torch.float64)
    return 0.5 * positions[:, None] * torch.cat([frequencies[:-1], frequencies[-1:].clamp_max(limit)])


def own(positions, frequencies):
    return positions[:, None] * frequencies


def turn(x, angles, pairs, first):
    """The turn of every pair of channels, written out: ``x`` is ``(batch, heads, tokens, head_dim)``, in float64."""
    x = x.double().clone()
    per_token = angles.repeat_interleave(x.shape[2] // FRAMES, 0)
    for pair in range(angles.shape[1]):
        one = first + (2 * pair if pairs == "neighbours" else pair)
        other = one + (1 if pairs == "neighbours" else angles.shape[1])
        a, b = x[..., one].clone(), x[..., other].clone()
        x[..., one] = a * per_token[:, pair].cos() - b * per_token[:, pair].sin()
        x[..., other] = a * per_token[:, pair].sin() + b * per_token[:, pair].cos()
    return x


class Net(nn.Module):
    """One attention whose queries and keys know their frame by rotary positions alone."""

    def __init__(self, pairs, first):
        super().__init__()
        self.attn = nn.Linear(HEAD, 3 * 2 * HEAD, bias=False)
        self.pairs, self.first, self.attend = pairs, first, plain_attention

    def qkv(self, x):
        return self.attn(x).unflatten(-1, (3, 2, HEAD)).permute(2, 0, 3, 1, 4).unbind(0)

    def forward(self, x):
        angles = own(torch.arange(float(FRAMES), dtype=torch.float64), torch.tensor(FREQUENCIES, dtype=torch.float64))
        q, k, v = self.qkv(x)
        q, k = (turn(one, angles, self.pairs, self.first).float() for one in (q, k))
        return self.attend(q, k, v)


class Processors:
    """The family of `Net`: its attention stands in the network itself."""

    streams = ("x",)

    def __init__(self, net):
        self.net = net

    def processor(self, attn, site):
        return NursedProcessor(site)

    def installed(self, attn):
        return getattr(self.net.attend, "__self__", self.net.attend)

    def install(self, attn, processor):
        self.net.attend = processor.attention if isinstance(processor, NursedProcessor) else processor


class Moving:
    """Rotary positions of its own, everywhere."""

    def __init__(self, *operations, **options):
        self.options, self._operations = RegularizerOptions(**options), operations

    def operations(self, site):
        return self._operations


def address(kind, pairs, first=4, **more: Any):
    return SiteAddress("attn", "stack", 0, 2, HEAD, kind=kind, rotary=RotaryPositions(FREQUENCIES, first, pairs), **more)


def setting(kind, pairs, first=4):
    torch.manual_seed(0)
    net = Net(pairs, first)
    return net, torch.randn(2, FRAMES * (POSITIONS if kind == "joint" else 1), HEAD)


def literal(net, x, angles, bias: Any = 0.0):
    """Attention with other positions, from queries and keys that know nothing yet, in float64."""
    q, k, v = net.qkv(x)
    q, k = (turn(one, angles, net.pairs, net.first) for one in (q, k))
    return (q @ k.mT / math.sqrt(HEAD) + bias).softmax(-1) @ v.double()


@pytest.mark.parametrize(("kind", "pairs"), KINDS)
@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_the_network_behaves_as_if_its_positions_were_others(kind, pairs: Literal["neighbours", "halves"], strength):
    net, x = setting(kind, pairs)
    plan = plan_attention([address(kind, pairs)], [Moving(Rotary(slower), strength=strength)], Clock(FRAMES, 8.0), 2)
    positions, frequencies = torch.arange(float(FRAMES), dtype=torch.float64), torch.tensor(FREQUENCIES, dtype=torch.float64)
    natural = own(positions, frequencies)
    angles = natural + strength * (slower(positions, frequencies) - natural)
    with torch.no_grad(), nurse(net, plan, Processors(net)) as nursing:
        nursing.at(0, 2)
        found = net(x)
        torch.testing.assert_close(found.double(), literal(net, x, angles), atol=1e-5, rtol=0)
        assert not torch.allclose(found.double(), literal(net, x, natural), atol=1e-3)


@pytest.mark.parametrize(("kind", "pairs"), KINDS[::2])
def test_the_models_own_positions_change_nothing_and_strength_0_not_a_bit(kind, pairs):
    net, x = setting(kind, pairs)
    with torch.no_grad():
        plain = net(x)
        for moving, tolerance in ((Moving(Rotary(own)), 2e-6), (Moving(Rotary(slower), strength=0), 0.0)):
            plan = plan_attention([address(kind, pairs)], [moving], Clock(FRAMES, 8.0), 2)
            with nurse(net, plan, Processors(net)) as nursing:
                nursing.at(0, 2)
                torch.testing.assert_close(net(x), plain, atol=tolerance, rtol=0)
        assert net.attend is plain_attention


@pytest.mark.parametrize(("kind", "pairs"), KINDS[::2])
def test_biases_act_beside_it(kind, pairs):
    net, x = setting(kind, pairs)
    moving = Moving(Rotary(slower), Bias(lambda distance: -0.3 * distance.abs()))
    plan = plan_attention([address(kind, pairs)], [moving], Clock(FRAMES, 8.0), 2)
    frames = torch.arange(float(FRAMES), dtype=torch.float64)
    bias = -0.3 * (frames[:, None] - frames).abs()
    if kind == "joint":
        bias = bias.repeat_interleave(POSITIONS, 0).repeat_interleave(POSITIONS, 1)
    assert "rotated" in plan.summary(2)
    with torch.no_grad(), nurse(net, plan, Processors(net)) as nursing:
        nursing.at(0, 2)
        angles = slower(frames, torch.tensor(FREQUENCIES, dtype=torch.float64))
        torch.testing.assert_close(net(x).double(), literal(net, x, angles, bias), atol=1e-5, rtol=0)


def test_a_course_of_positions_compiles_one_graph():
    from vstar_sdk.attention.compiler import Compiled
    from vstar_sdk.attention.recipe import lower

    site = Site.at(address("joint", "neighbours"), Clock(FRAMES, 8.0))
    course = Course.model_validate({"from": 1.0, "to": 0.5})
    moving = Compiled(site, lower([Act("it", (0.0, 1.0), (Rotary(slower),), 0, course)], site.kind))
    moving.prepare(torch.device("cpu"), torch.float32)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    function = torch.compile(lambda q, k, v: moving.attend(q, k, v), backend="eager", fullgraph=True)
    given: Any = torch.randn(3, 2, 2, FRAMES * POSITIONS, HEAD).unbind(0)
    for strength in (1.0, 0.75, 0.5):
        moving.tune({0: strength})
        torch.testing.assert_close(function(*given), moving.attend(*given), atol=2e-6, rtol=0)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


def test_two_that_would_set_the_positions_at_once_are_refused():
    with pytest.raises(SpecError, match="gives attn other rotary positions, and so does Moving") as caught:
        plan_attention([address("joint", "halves")], [Moving(Rotary(slower)), Moving(Rotary(own))], Clock(FRAMES, 8.0), 4)
    assert caught.value.path == ("regularizers", 1)
    parts = [Moving(Rotary(slower), window=(0.0, 0.5)), Moving(Rotary(own), window=(0.5, 1.0))]
    assert plan_attention([address("joint", "halves")], parts, Clock(FRAMES, 8.0), 4).sites


def test_so_is_one_that_would_set_them_twice():
    with pytest.raises(SpecError, match="Moving: sets the rotary positions of attn more than once") as caught:
        plan_attention([address("joint", "halves")], [Moving(Rotary(slower), Rotary(own))], Clock(FRAMES, 8.0), 4)
    assert caught.value.path == ("regularizers", 0)


def test_a_model_without_rotary_positions_has_none_to_change():
    with pytest.raises(SpecError, match="Moving: has no operation at any"):
        plan_attention([SiteAddress("attn", "stack", 0, 2, HEAD)], [Moving(Rotary(slower))], Clock(FRAMES, 8.0), 4)


@pytest.mark.parametrize(
    ("fn", "told"),
    [
        (lambda positions, frequencies: positions, r"its rotary at attn is \(6,\); it must be a tensor of shape \(6, 3\)"),
        (lambda positions, frequencies: own(positions, frequencies) / 0.0, "its rotary at attn is not finite"),
        (lambda positions, frequencies: 1 / 0, "its rotary at attn failed: ZeroDivisionError"),
        (lambda positions, frequencies: None, "its rotary at attn is NoneType"),
    ],
)
def test_what_gives_no_angles_is_told_by_name(fn, told):
    site = Site.at(address("joint", "halves"), Clock(FRAMES, 8.0))
    with pytest.raises(PluginError, match=f"regularizer 'it': {told}"):
        compile_acts(site, [Act("it", (0.0, 1.0), (Rotary(fn),))])


def test_where_heads_have_frequencies_of_their_own_it_is_the_formula_at_their_places():
    """Two heads of 16 channels, three frequencies in scattered pairs, beside two tokens of text that are not turned."""
    places = (26, 0, 14)
    site = Site.at(
        SiteAddress("attn", "stack", 0, 2, HEAD, kind="joint", rotary=RotaryPositions(FREQUENCIES, places=places)),
        Clock(FRAMES, 8.0),
    )
    q, k, v = torch.randn(3, 2, 2, FRAMES * POSITIONS + 2, HEAD, generator=torch.Generator().manual_seed(2))
    attend: Any = compile_acts(site, [Act("it", (0.0, 1.0), (Rotary(slower), Bias(lambda d: -d.abs())))])
    found = attend(q, k, v, layout=Layout(before=2))
    frame = torch.arange(FRAMES, dtype=torch.float64)
    frequencies = torch.tensor(FREQUENCIES, dtype=torch.float64)
    angles = slower(frame, frequencies) - own(frame, frequencies)
    turned = []
    for x in (q, k):
        x = x.double().clone()
        for number, place in enumerate(places):
            head, channel = divmod(place, HEAD)
            for token in range(FRAMES * POSITIONS):
                c, s = angles[token // POSITIONS, number].cos(), angles[token // POSITIONS, number].sin()
                a, b = x[:, head, 2 + token, channel].clone(), x[:, head, 2 + token, channel + 1].clone()
                x[:, head, 2 + token, channel], x[:, head, 2 + token, channel + 1] = a * c - b * s, a * s + b * c
        turned.append(x)
    logits = turned[0] @ turned[1].mT / math.sqrt(HEAD)
    apart = (torch.arange(FRAMES * POSITIONS) // POSITIONS).double()
    logits[..., 2:, 2:] -= (apart[:, None] - apart).abs()
    torch.testing.assert_close(found.double(), logits.softmax(-1) @ v.double(), atol=1e-5, rtol=0)
