"""On a GPU every executor is as near to the formula as PyTorch's plain attention is; ``python -m benchmarks.gpu`` runs these.

``VSTAR_GPU_TESTS=cpu`` runs them on a CPU at small shapes, the score function uncompiled: so that no GPU finds a typing error.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention import flex_attention as flex
from torch.nn.functional import scaled_dot_product_attention

from tests.frame_pair_oracle import oracle, worst
from vstar_sdk.attention import fused
from vstar_sdk.attention.compiler import Compiled
from vstar_sdk.attention.executors import MaskedAttention
from vstar_sdk.attention.fused import FusedAttention
from vstar_sdk.attention.joint import JointAttention
from vstar_sdk.attention.layout import Layout
from vstar_sdk.attention.logits import LogitsAttention
from vstar_sdk.attention.operations import Bias, Statistic
from vstar_sdk.attention.recipe import Act, lower
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.options import Course

DEVICE = torch.device(os.environ.get("VSTAR_GPU_TESTS", "cuda"))
FRAMES, POSITIONS, HEADS, WIDTH = (8, 160, 3, 128) if DEVICE.type == "cuda" else (4, 9, 2, 16)
TEXTS = 5

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE.type == "cuda" and not torch.cuda.is_available(), reason="there is no GPU here"),
]
Given = tuple[Tensor, Tensor, Tensor]
sizes = pytest.mark.parametrize("size", [0.1, 30.0, 3000.0])
STATISTICS: list[tuple[Statistic, ...]] = [("none",), ("max",), ("spread",), ("none", "max", "spread")]
# A kernel is compiled for each: a few seconds.
cases = pytest.mark.parametrize(
    ("stats", "dtype"),
    [*((stats, torch.bfloat16) for stats in STATISTICS), (("max",), torch.float16), (("max",), torch.float32)],
)


@pytest.fixture(autouse=True)
def _without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    if DEVICE.type == "cpu":
        monkeypatch.setattr(flex, "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True)
        monkeypatch.setattr(fused, "_kernel", lambda function: function)


def drawn(tokens: int, dtype: torch.dtype, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, their heads behind the tokens."""
    made = torch.randn(3, batch, tokens, HEADS, WIDTH, generator=torch.Generator().manual_seed(0)).transpose(2, 3)
    q, k, v = made.to(DEVICE, dtype).unbind(0)
    return q, k, v


def band(size: float, frames: int) -> Tensor:
    return size * torch.rand(frames, frames, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def noise(q: Tensor, k: Tensor, v: Tensor, frames: int, layout: Layout) -> float:
    """How far plain attention is from the formula: as it is, and as sharp as biases make it."""
    sharper = [s * q for s in (1, 4, 16, 64)]
    plain = (scaled_dot_product_attention(one, k, v, attn_mask=layout.mask) for one in sharper)
    return max(worst(out, oracle(one, k, v, {}, frames, layout)) for one, out in zip(sharper, plain, strict=True))


def check(attend: Any, given: Given, biases: dict[Statistic, Tensor], frames: int, layout: Layout) -> None:
    got = attend(*given) if layout == Layout() else attend(*given, layout=layout)
    shown = slice(None) if layout.visible is None else layout.video(got.shape[2])  # what padding itself gets means nothing
    wanted = oracle(*given, biases, frames, layout)
    assert worst(got, wanted, shown) < max(1e-5, 2.0 * noise(*given, frames, layout))


@cases
@sizes
@pytest.mark.parametrize("kind", [JointAttention, FusedAttention], ids=["without a mask", "fused"])
def test_over_all_tokens(kind, stats, size, dtype):
    biases = {stat: band(size, FRAMES) for stat in stats}
    attend = JointAttention(biases) if kind is JointAttention else FusedAttention(biases, JointAttention(biases))
    check(attend, drawn(FRAMES * POSITIONS, dtype), biases, FRAMES, Layout())


@cases
@sizes
@pytest.mark.parametrize("kind", [LogitsAttention, FusedAttention], ids=["in chunks", "fused"])
def test_over_the_frames_of_each_position(kind, stats, size, dtype):
    frames = 4 * FRAMES
    biases = {stat: band(size, frames) for stat in stats}
    attend = LogitsAttention(biases) if kind is LogitsAttention else FusedAttention(biases, LogitsAttention(biases))
    check(attend, drawn(frames, dtype, batch=16), biases, frames, Layout())


def test_a_mask():
    biases: dict[Statistic, Tensor] = {"none": band(3.0, FRAMES)}
    check(MaskedAttention(biases["none"]), drawn(FRAMES, torch.bfloat16, batch=16), biases, FRAMES, Layout())


@pytest.mark.parametrize("first", [True, False], ids=["text first", "text last"])
@pytest.mark.parametrize("kind", [JointAttention, FusedAttention], ids=["without a mask", "fused"])
def test_beside_text_and_padding(kind, first):
    tokens = FRAMES * POSITIONS + TEXTS
    visible = torch.ones(2, tokens, dtype=torch.bool, device=DEVICE)
    visible[1, :2] = not first
    visible[1, -2:] = first
    layout = Layout(before=TEXTS, visible=visible) if first else Layout(after=TEXTS, visible=visible)
    biases: dict[Statistic, Tensor] = {"max": band(3.0, FRAMES)}
    attend = JointAttention(biases) if kind is JointAttention else FusedAttention(biases, JointAttention(biases))
    check(attend, drawn(tokens, torch.bfloat16), biases, FRAMES, layout)


def test_a_course_of_strengths_is_followed_by_one_kernel():
    tar = Bias(lambda distance: (-distance.square()).exp(), stat="max")
    address = SiteAddress("joint", "stack", 0, HEADS, WIDTH, kind="joint", index=0)
    site = Site.at(replace(address, fused=True), Clock(FRAMES, 8.0))
    act = Act("tar", (0.0, 1.0), (tar,), 0, Course.model_validate({"from": 1.0, "to": 0.0}))
    compiled, given = Compiled(site, lower([act], site.kind, site.fused)), drawn(FRAMES * POSITIONS, torch.bfloat16)
    distance = torch.arange(float(FRAMES), dtype=torch.float64)
    graphs: set[int] = set()
    for strength in (1.0, 0.5, 0.25):
        compiled.tune({0: strength})
        biases: dict[Statistic, Tensor] = {"max": strength * tar.fn(distance[:, None] - distance)}
        check(compiled.attend, given, biases, FRAMES, Layout())
        graphs.add(int(torch._dynamo.utils.counters["stats"]["unique_graphs"]))
    assert len(graphs) == 1
