"""Rotary positions and strengths that run a course, at joint sites whose sequence holds text too."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor

from tests.attention.test_layout import FRAMES, HEAD_DIM, POSITIONS, TOKENS, band, layout, layouts, reference, sequence, worst
from vstar_sdk.attention.compiler import Compiled, compile_acts
from vstar_sdk.attention.executors import JointExecutor, plain_attention
from vstar_sdk.attention.joint import JointAttention
from vstar_sdk.attention.operations import Bias, Mix, Rotary, Scale, Statistic
from vstar_sdk.attention.recipe import Act, lower
from vstar_sdk.attention.recording import Slot
from vstar_sdk.attention.sites import RotaryPositions, Site
from vstar_sdk.options import Course


@layouts
def test_other_rotary_positions_turn_the_video_alone(name):
    """Queries and keys of the video, by the angle that is missing; a recorded map is that of the turned ones."""
    q, k, v = sequence()
    where = layout(name)
    biases: dict[Statistic, Tensor] = {"spread": band(2.0)}
    turned = RotaryPositions((1.0, 0.3), first=2, pairs="halves")
    site = Site("attn", "stack", 0, 3, HEAD_DIM, FRAMES, 8.0, kind="joint", rotary=turned)
    half = Rotary(lambda positions, frequencies: 0.5 * positions[:, None] * frequencies)
    attend = compile_acts(site, [Act("it", (0.0, 1.0), (half, Bias(lambda _: biases["spread"], stat="spread")))])
    frames = torch.arange(float(FRAMES)).repeat_interleave(POSITIONS)
    turns = torch.polar(torch.ones(len(frames), 2), -0.5 * frames[:, None] * torch.tensor(turned.frequencies))
    wanted_q, wanted_k = q.clone(), k.clone()
    for x in (wanted_q, wanted_k):
        video = x[:, :, where.video(TOKENS)]
        pairs = torch.complex(video[..., 2:4], video[..., 4:6]) * turns
        video[..., 2:6] = torch.cat([pairs.real, pairs.imag], dim=-1)
    got = cast(JointExecutor, attend)(q, k, v, None, where)
    assert worst(got, reference(wanted_q, wanted_k, v, biases, where)) < 1e-5
    maps: list[Tensor] = []
    for executor, query, key in ((attend, q, k), (JointAttention(biases), wanted_q, wanted_k)):
        slot = Slot.empty(FRAMES, torch.device("cpu"))
        slot.add(executor, query, key, where)
        maps.append(cast(Tensor, slot.mean()))
    torch.testing.assert_close(*maps, atol=1e-6, rtol=0)


@layouts
@pytest.mark.parametrize(
    "operation",
    [
        Bias(lambda _: band(1.0)),
        Bias(lambda _: band(1.0), stat="max"),
        Scale(q=(1.0, 2.0, 0.5, 3.0), k=2.0),
        Mix(lambda _: band(3.0).softmax(-1), 0.8),
        Mix(lambda _: band(3.0).softmax(-1)),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_course_is_the_constant_of_its_strength_beside_text(name, operation):
    where, given = layout(name), sequence()
    site = Site("attn", "stack", 0, 3, HEAD_DIM, FRAMES, 8.0, kind="joint")
    course = Course.model_validate({"from": 1.0, "to": 0.25})
    moving = Compiled(site, lower([Act("it", (0.0, 1.0), (operation,), 0, course)], site.kind))
    for strength in (1.0, 0.25):
        moving.tune({0: strength})
        constant = compile_acts(site, [Act("it", (0.0, 1.0), (operation,), 0, strength)])
        first, second = (cast(JointExecutor, one)(*given, None, where) for one in (moving.attend, constant))
        torch.testing.assert_close(first, second, atol=1e-6, rtol=0)
        assert not torch.allclose(first, plain_attention(*given, None, where), atol=1e-3)
