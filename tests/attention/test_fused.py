"""Biases inside the fused kernel, against the formula in float64 with every logit written down."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.exc import Unsupported
from torch.nn.attention import flex_attention as flex
from torch.nn.functional import scaled_dot_product_attention

from tests.frame_pair_oracle import oracle, worst
from vstar_sdk.attention import fused
from vstar_sdk.attention.compiler import Compiled, compile_acts
from vstar_sdk.attention.executors import Frames
from vstar_sdk.attention.fused import FusedAttention
from vstar_sdk.attention.joint import JointAttention
from vstar_sdk.attention.layout import Layout
from vstar_sdk.attention.logits import LogitsAttention
from vstar_sdk.attention.operations import Bias, Logits, Mix, Scale, Statistic
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recipe import Act, lower
from vstar_sdk.attention.sites import Site, SiteAddress, fused_sites
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SamplerError
from vstar_sdk.options import Course
from vstar_sdk.regularizers.tar import Tar, TarOptions

FRAMES, POSITIONS, WIDTH = 4, 9, 16
JOINT = SiteAddress("joint", "stack", 0, 2, WIDTH, kind="joint", index=0)
FACTORISED = SiteAddress("temporal", "down", 0, 2, WIDTH)
STATISTICS: list[tuple[Statistic, ...]] = [("none",), ("max",), ("spread",), ("none", "max", "spread")]


@pytest.fixture
def eager(monkeypatch):
    """The score function as it is written, on whole matrices."""
    monkeypatch.setattr(flex, "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True)


def drawn(tokens: int, batch: int = 2, size: float = 1.0, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, their heads behind the tokens, as a projection leaves them."""
    made = torch.randn(3, batch, tokens, 2, WIDTH, generator=torch.Generator().manual_seed(0)).transpose(2, 3)
    return (size * made[0]).to(dtype), made[1].to(dtype), made[2].to(dtype)


def band(size: float, frames: int = FRAMES) -> Tensor:
    return size * torch.rand(frames, frames, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def padding(tokens: int, *hidden: int) -> Tensor:
    visible = torch.ones(2, tokens, dtype=torch.bool)
    visible[1, list(hidden)] = False
    return visible


@pytest.mark.parametrize("size", [0.1, 30.0, 3000.0])
@pytest.mark.parametrize("stats", STATISTICS)
def test_it_equals_the_formula_over_all_tokens(eager, stats, size):
    biases: dict[Statistic, Tensor] = {stat: band(size) for stat in stats}
    got = FusedAttention(biases, JointAttention(biases), compiled=False)(*(given := drawn(FRAMES * POSITIONS)))
    assert worst(got, oracle(*given, biases, FRAMES, Layout())) < 1e-5


@pytest.mark.parametrize("stats", STATISTICS)
def test_it_equals_the_formula_over_the_frames_of_each_position(eager, stats):
    biases: dict[Statistic, Tensor] = {stat: band(4.0, 8) for stat in stats}
    got = FusedAttention(biases, LogitsAttention(biases), compiled=False)(*(given := drawn(8, batch=6)))
    assert worst(got, oracle(*given, biases, 8, Layout())) < 1e-5


@pytest.mark.parametrize("stats", [("max",), ("none", "spread")])
@pytest.mark.parametrize(
    "layout",
    [
        Layout(before=5),
        Layout(after=3),
        Layout(before=2, after=4, visible=padding(42, 1, 39, 41)),
        Layout(after=3, visible=padding(39, 36, 37, 38)),
    ],
    ids=["text first", "text last", "padding", "a video without text"],
)
def test_text_is_seen_without_any_bias(eager, layout, stats):
    biases: dict[Statistic, Tensor] = {stat: band(30.0) for stat in stats}
    given = drawn(layout.before + FRAMES * POSITIONS + layout.after)
    got = FusedAttention(biases, JointAttention(biases), compiled=False)(*given, layout=layout)
    assert worst(got, oracle(*given, biases, FRAMES, layout)) < 1e-5


def test_hidden_frames_have_a_weight_of_exactly_nothing(eager):
    bias = band(1.0)
    bias[0, 3], bias[3, :3] = -torch.inf, -torch.inf
    q, k, v = drawn(FRAMES * POSITIONS)
    biases: dict[Statistic, Tensor] = {"none": bias}
    attend = FusedAttention(biases, JointAttention(biases), compiled=False)
    before = attend(q, k, v)
    assert worst(before, oracle(q, k, v, biases, FRAMES, Layout())) < 1e-5
    v[:, :, -POSITIONS:] += 1e6
    assert torch.equal(attend(q, k, v)[:, :, :POSITIONS], before[:, :, :POSITIONS])


@pytest.mark.parametrize("size", [0.1, 30.0, 3000.0])
def test_in_bfloat16_it_is_as_near_as_plain_attention(eager, size):
    biases: dict[Statistic, Tensor] = {"max": band(size)}
    q, k, v = drawn(FRAMES * POSITIONS, dtype=torch.bfloat16)
    noise = max(
        worst(scaled_dot_product_attention(s * q, k, v), oracle(s * q, k, v, {}, FRAMES, Layout()))
        for s in (1, 4)  # the second as sharp as a bias makes it
    )
    got = FusedAttention(biases, JointAttention(biases), compiled=False)(q, k, v)
    assert worst(got, oracle(q, k, v, biases, FRAMES, Layout())) < 1.5 * noise


def test_the_kernel_hands_back_the_largest_logit_of_a_row(eager, monkeypatch):
    options = flex._apply_kernel_options

    def on_any_device(query, key, value, return_lse, kernel_options, return_aux):
        """Without the refusal of a CPU, whose compiled kernel has no such output; the formula has."""
        return options(query, key, value, return_lse, kernel_options, None) | {"OUTPUT_MAX": return_aux.max_scores}

    monkeypatch.setattr(flex, "_apply_kernel_options", on_any_device)
    q, k, _ = drawn(FRAMES * POSITIONS)
    torch.testing.assert_close(fused._largest(q, k, k[..., :16]), (q @ k.mT * WIDTH**-0.5).amax(-1), atol=1e-5, rtol=1e-5)


def test_a_part_of_the_frames_is_left_to_the_chunks(eager):
    biases: dict[Statistic, Tensor] = {"max": band(3.0)}
    frames = Frames(torch.tensor([0, 2]), torch.tensor([1, 2, 3]))
    q, k, v = drawn(4)
    one = FusedAttention(biases, LogitsAttention(biases), compiled=False)(q[:, :, :2], k[:, :, :3], v[:, :, :3], frames)
    assert torch.equal(one, LogitsAttention(biases)(q[:, :, :2], k[:, :, :3], v[:, :, :3], frames))


TAR = Bias(lambda distance: (-distance.square()).exp(), stat="max")
PLAIN = Bias(lambda distance: -distance.abs())


@pytest.mark.parametrize(
    ("kind", "operations", "words"),
    [
        ("joint", (TAR,), "fused frame-pair bias with row statistics"),
        ("joint", (PLAIN,), "fused frame-pair bias"),
        (
            "joint",
            (Scale(k=2.0), TAR, Mix(lambda d: torch.eye(len(d)), 0.5)),
            "scaled fused frame-pair bias with row statistics mixed with a map",
        ),
        ("joint", (TAR, Logits(lambda logits, _: logits.mul_(2.0))), "changed logits"),
        ("joint", (Scale(k=2.0),), "scaled sdpa"),
        ("joint", (Mix(lambda d: torch.eye(len(d))),), "a map"),
        ("factorised", (TAR, PLAIN), "fused row statistics"),
        ("factorised", (PLAIN,), "masked sdpa"),
    ],
)
def test_the_words_say_what_is_fused(kind, operations, words):
    assert lower([Act("mine", (0.0, 1.0), operations)], kind, fused=True).words == words


def test_heads_that_have_no_kernel_and_sites_of_text_stay_as_they_are():
    narrow, text = replace(JOINT, head_dim=8), replace(JOINT, kind="cross")
    assert [site.fused for site in fused_sites([JOINT, narrow, text, FACTORISED])] == [True, False, False, True]


def test_a_plan_tells_it():
    plan = plan_attention(fused_sites([JOINT]), [Tar(TarOptions(sigma={0: 2.0}))], Clock(FRAMES, 8.0))
    assert "fused frame-pair bias with row statistics" in plan.describe(4)


@pytest.mark.parametrize("address", [JOINT, pytest.param(FACTORISED, marks=pytest.mark.slow)])
def test_a_course_of_strengths_compiles_nothing_again(address, monkeypatch):
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiling: Any = functools.partial(torch.compile, backend=backend, fullgraph=True, dynamic=False)
    monkeypatch.setattr(fused, "_kernel", compiling)
    site = Site.at(replace(address, fused=True), Clock(FRAMES, 8.0))
    act = Act("tar", (0.0, 1.0), (TAR,), 0, Course.model_validate({"from": 1.0, "to": 0.0}))
    q, k, v = drawn(FRAMES * POSITIONS if address is JOINT else FRAMES)
    compiled = Compiled(site, lower([act], site.kind, fused=site.fused))
    counts = set()
    for strength in (1.0, 0.5, 0.25):
        compiled.tune({0: strength})
        biases: dict[Statistic, Tensor] = {"max": strength * TAR.fn(torch.arange(4.0)[:, None] - torch.arange(4.0))}
        assert worst(compiled.attend(q, k, v), oracle(q, k, v, biases, FRAMES, Layout())) < 1e-5
        counts.add(len(graphs))
    assert len(counts) == 1
    assert graphs


def test_what_cannot_be_compiled_is_told_with_the_remedy(monkeypatch):
    def fails(function):
        raise Unsupported("no such kernel\nmore of it")

    monkeypatch.setattr(fused, "_kernel", fails)
    biases: dict[Statistic, Tensor] = {"none": band(1.0)}
    with pytest.raises(SamplerError, match=r"cannot be compiled: no such kernel$") as caught:
        FusedAttention(biases, JointAttention(biases))(*drawn(FRAMES * POSITIONS))
    assert "leave fused out" in str(caught.value.hint)


PADDED = Layout(before=2, after=4, visible=padding(42, 1, 39, 41))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stats", "layout", "dtype"),
    [
        (("none", "max", "spread"), Layout(), torch.float32),
        (("max",), PADDED, torch.float32),
        (("max",), Layout(), torch.bfloat16),
    ],
)
@torch.no_grad()
def test_the_compiled_kernel_equals_the_formula(stats, layout, dtype):
    biases: dict[Statistic, Tensor] = {stat: band(30.0) for stat in stats}
    given = drawn(layout.before + FRAMES * POSITIONS + layout.after, dtype=dtype)
    got = FusedAttention(biases, JointAttention(biases))(*given, layout=layout)
    assert worst(got, oracle(*given, biases, FRAMES, layout)) < (1e-5 if dtype == torch.float32 else 3e-2)


def test_it_computes_what_the_chunks_compute(eager, monkeypatch):
    monkeypatch.setattr(fused, "_kernel", lambda function: function)
    acts = [Act("mine", (0.0, 1.0), (TAR, PLAIN, Scale(q=1.5)))]
    given = drawn(FRAMES * POSITIONS)
    sites = [Site.at(replace(JOINT, fused=one), Clock(FRAMES, 8.0)) for one in (True, False)]
    torch.testing.assert_close(*(compile_acts(site, acts)(*given) for site in sites), atol=1e-5, rtol=0)
