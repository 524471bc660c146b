"""Biases of key states at cross sites: every frame reads the states as it is told to."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
import torch

from vstar_sdk.attention.call import CallLayout, Current
from vstar_sdk.attention.compiler import Compiled, compile_acts
from vstar_sdk.attention.operations import Bias, SegmentBias
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recipe import Act, lower
from vstar_sdk.attention.segments import SegmentAttention
from vstar_sdk.attention.sites import Segment, Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import PluginError, SpecError
from vstar_sdk.options import Course, RegularizerOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions

FRAMES, POSITIONS = 6, 3
CROSS = SiteAddress("cross", "stack", 0, 2, 16, kind="cross", index=0, reads=True)
SELF = SiteAddress("self", "stack", 0, 2, 16, kind="joint", index=0)
SEGMENTS = (Segment(4, 0.0, 1.0), Segment(2, 2.0, 3.0), Segment(5, 4.0, 5.0))
SITE = Site.at(CROSS, Clock(FRAMES, 8.0), SEGMENTS)


def relay(positions, spans):
    """A state weighs the less, the farther a frame is from its span (the penalty of Prompt Relay, with a width of a frame)."""
    before, after = spans[:, 0] - positions[:, None], positions[:, None] - spans[:, 1]
    return -0.5 * torch.maximum(before, after).clamp_min(0.0).square()


def qkv() -> Any:
    generator = torch.Generator().manual_seed(0)
    text = sum(segment.tokens for segment in SEGMENTS)
    query = torch.randn(2, 2, FRAMES * POSITIONS, 16, generator=generator)
    return query, *torch.randn(2, 2, 2, text, 16, generator=generator)


def literal(strength, fn=relay):
    """The mask of all tokens by all tokens, in float64."""
    q, k, v = (x.double() for x in qkv())
    positions = torch.arange(float(FRAMES), dtype=torch.float64)
    bias = fn(positions, torch.tensor([(one.start, one.end) for one in SEGMENTS], dtype=torch.float64))
    columns = torch.cat([bias[:, state, None].expand(-1, one.tokens) for state, one in enumerate(SEGMENTS)], dim=1)
    mask = columns.repeat_interleave(POSITIONS, 0)
    return (q @ k.mT / math.sqrt(16) + strength * mask).softmax(-1) @ v


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_every_frame_reads_the_states_with_its_own_bias(strength):
    acts = [Act("it", (0.0, 1.0), (SegmentBias(relay),), 0, strength)]
    torch.testing.assert_close(compile_acts(SITE, acts)(*qkv()).double(), literal(strength), atol=1e-5, rtol=0)
    assert lower(acts, "cross").words == "segment bias"


def test_several_add_up_and_hidden_states_are_not_read():
    def hide(positions, spans):
        return torch.where(relay(positions, spans) < -4.0, -torch.inf, 0.0)

    acts = [Act("one", (0.0, 1.0), (SegmentBias(relay), SegmentBias(hide)))]
    expected = literal(1.0, lambda positions, spans: relay(positions, spans) + hide(positions, spans))
    torch.testing.assert_close(compile_acts(SITE, acts)(*qkv()).double(), expected, atol=1e-5, rtol=0)


def test_strength_0_is_the_plain_attention_to_the_bit():
    q, k, v = qkv()
    out = compile_acts(SITE, [Act("it", (0.0, 1.0), (SegmentBias(relay),), 0, 0.0)])(q, k, v)
    assert torch.equal(out, torch.nn.functional.scaled_dot_product_attention(q, k, v))


def test_a_course_is_the_constant_of_its_steps_and_one_graph():
    course = Course.model_validate({"from": 1.0, "to": 0.5})
    moving = Compiled(SITE, lower([Act("it", (0.0, 1.0), (SegmentBias(relay),), 0, course)], "cross"))
    moving.prepare(torch.device("cpu"), torch.float32)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    function = torch.compile(lambda q, k, v: moving.attend(q, k, v), backend="eager", fullgraph=True)
    for strength in (1.0, 0.75, 0.5):
        moving.tune({0: strength})
        constant = compile_acts(SITE, [Act("it", (0.0, 1.0), (SegmentBias(relay),), 0, strength)])
        assert torch.equal(moving.attend(*qkv()), constant(*qkv()))
        torch.testing.assert_close(function(*qkv()), constant(*qkv()), atol=2e-6, rtol=0)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


class Both:
    """Says of states and of frames what it wants, wherever it is asked."""

    options = RegularizerOptions()

    def operations(self, site):
        return [SegmentBias(relay), Bias(lambda distance: -distance.abs())]


def test_each_site_takes_what_has_a_meaning_there():
    plan = plan_attention([SELF, SITE], [Both(), Tar(TarOptions())], Clock(FRAMES, 8.0), 4)
    assert [[type(one).__name__ for act in planned.acts for one in act.operations] for planned in plan.sites] == [
        ["Bias", "Bias"],
        ["SegmentBias"],
    ]


class States(Both):
    """Says of states alone what it wants."""

    def operations(self, site):
        return [SegmentBias(relay)]


def test_where_nobody_reads_the_text_of_states_their_biases_are_refused_with_the_remedy():
    with pytest.raises(SpecError, match="States: has no operation at any of the model's 1 temporal attentions") as refused:
        plan_attention([SELF], [Tar(TarOptions()), States()], Clock(FRAMES, 8.0), 4)
    assert refused.value.path == ("regularizers", 1)
    assert "timeline: {use: relay}" in str(refused.value.hint)


def test_a_video_that_the_prompt_does_not_condition_reads_its_own_text_alone():
    q, k, v = qkv()
    current = Current(layout=CallLayout(lambda: (False, True), 1, POSITIONS))
    out = compile_acts(SITE, [Act("it", (0.0, 1.0), (SegmentBias(relay),))], current)(q, k, v)
    first = SEGMENTS[0].tokens
    plain = torch.nn.functional.scaled_dot_product_attention(q[:1], k[:1, :, :first], v[:1, :, :first])
    assert torch.equal(out[:1], plain)
    torch.testing.assert_close(out[1].double(), literal(1.0)[1], atol=1e-5, rtol=0)


def test_what_the_model_masks_is_never_read():
    q, k, v = qkv()
    hidden = torch.zeros(2, 1, 1, k.shape[2])
    hidden[..., 1] = -10000.0
    attend = cast(SegmentAttention, compile_acts(SITE, [Act("it", (0.0, 1.0), (SegmentBias(relay),))]))
    out = attend(q, k, v, mask=hidden)
    k[:, :, 1], v[:, :, 1] = 9.0, 7.0
    assert torch.equal(attend(q, k, v, mask=hidden), out)
    assert not torch.equal(attend(q, k, v), out)


@pytest.mark.parametrize(
    ("fn", "told"),
    [
        (lambda positions, spans: positions, r"its segmentbias at cross is \(6,\); it must be a tensor of shape \(6, 3\)"),
        (lambda positions, spans: relay(positions, spans) / 0.0, "its segmentbias at cross is not finite"),
        (lambda positions, spans: relay(positions, spans) - torch.inf, "its segmentbias at cross is not finite"),
        (lambda positions, spans: 1 / 0, "its segmentbias at cross failed: ZeroDivisionError"),
    ],
)
def test_what_gives_no_bias_is_told_by_name(fn, told):
    with pytest.raises(PluginError, match=f"regularizer 'it': {told}"):
        compile_acts(SITE, [Act("it", (0.0, 1.0), (SegmentBias(fn),))])


def test_states_that_are_hidden_by_all_together_are_told():
    first = SegmentBias(lambda positions, spans: torch.tensor([-torch.inf, 0.0, 0.0]).expand(FRAMES, -1))
    others = SegmentBias(lambda positions, spans: torch.tensor([0.0, -torch.inf, -torch.inf]).expand(FRAMES, -1))
    with pytest.raises(PluginError, match="the biases at cross together hide all states from one"):
        compile_acts(SITE, [Act("it", (0.0, 1.0), (first, others))])
