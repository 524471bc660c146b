"""Key states in the text of a joint sequence, against a mask of all tokens by all tokens in float64."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.attention import flex_attention
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.attention import fused, joint
from vstar_sdk.attention.call import CallLayout, Current
from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.joint_biases import attend_without_mask
from vstar_sdk.attention.layout import Layout
from vstar_sdk.attention.operations import Bias, Mix, Scale, SegmentBias
from vstar_sdk.attention.recipe import Act, lower
from vstar_sdk.attention.sites import Segment, Site, SiteAddress
from vstar_sdk.clock import Clock

FRAMES, POSITIONS, HEADS, WIDTH = 4, 3, 2, 16
VIDEO = FRAMES * POSITIONS
SEGMENTS = (Segment(3, 0.0, 1.0), Segment(3, 2.0, 3.0))
TEXTS = sum(segment.tokens for segment in SEGMENTS)
SITE = Site.at(SiteAddress("joint", "stack", 0, HEADS, WIDTH, kind="joint", index=0, reads=True), Clock(FRAMES, 8.0), SEGMENTS)
BIAS = torch.tensor([[0.0, -3.0], [-0.5, -2.0], [-2.0, 0.0], [-torch.inf, 0.0]], dtype=torch.float64)
TOLD = SegmentBias(lambda positions, spans: BIAS)
BAND = Bias(lambda distance: -0.3 * distance.abs())
TAR = Bias(lambda distance: (-distance.square()).exp(), stat="max")
IN_ORDER = torch.arange(2).repeat_interleave(3)
SHUFFLED = torch.tensor([-1, 0, 1, 1, 0, 0])


def qkv(videos: int = 1, tokens: int = VIDEO + TEXTS) -> Any:
    return torch.randn(3, videos, HEADS, tokens, WIDTH, generator=torch.Generator().manual_seed(3))


def literal(tensors: Any, first: bool, states: torch.Tensor, visible: torch.Tensor | None, *biases: Bias) -> torch.Tensor:
    """``softmax(A + B) V`` with every logit written down.

    Args:
        tensors: queries, keys and values of one video.
        first: whether the text comes first.
        states: which state each token of text is of; -1 for what all share.
        visible: False for padding; ``(texts,)``.
        biases: between frames.
    """
    q, k, v = (x.double() for x in tensors)
    logits = q @ k.mT / math.sqrt(WIDTH)
    frame = torch.arange(VIDEO) // POSITIONS
    video, text = (
        (torch.arange(TEXTS, TEXTS + VIDEO), torch.arange(TEXTS))
        if first
        else (torch.arange(VIDEO), torch.arange(VIDEO, VIDEO + TEXTS))
    )
    raw = logits[..., video[:, None], video].clone()
    positions = torch.arange(float(FRAMES), dtype=torch.float64)
    for bias in biases:
        row = raw.amax(-1, keepdim=True) if bias.stat == "max" else 1.0
        logits[..., video[:, None], video] += row * bias.fn(positions[:, None] - positions)[frame[:, None], frame]
    for place, state in zip(text.tolist(), states.tolist(), strict=True):
        if state < 0:
            continue
        logits[..., video, place] += BIAS[frame, state]
        logits[..., place, video] += BIAS[frame, state]
        for other, another in zip(text.tolist(), states.tolist(), strict=True):
            if another not in (state, -1):
                logits[..., place, other] = -torch.inf
    if visible is not None:
        logits[..., text[~visible]] = -torch.inf
    return logits.softmax(-1) @ v


@pytest.mark.parametrize("biases", [(), (BAND,), (TAR, BAND)], ids=["alone", "beside a bias", "beside row statistics"])
@pytest.mark.parametrize("first", [True, False], ids=["text first", "text last"])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("on", ["the CPU", "a device", "the fused kernel"])
def test_it_is_the_formula(biases, first, padded, on, monkeypatch):
    if on == "a device":
        monkeypatch.setattr(joint, "attend_by_rows", lambda *given: attend_without_mask(*given[:5]))
    if on == "the fused kernel":
        monkeypatch.setattr(flex_attention, "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True)
        monkeypatch.setattr(fused, "_kernel", lambda function: function)
    states, visible = (SHUFFLED, torch.tensor([True, True, False, True, True, False])) if padded else (IN_ORDER, None)
    whole = None
    if visible is not None:
        parts = [visible, torch.ones(VIDEO, dtype=torch.bool)]
        whole = torch.cat(parts if first else parts[::-1])[None]
    layout = Layout(TEXTS if first else 0, 0 if first else TEXTS, whole, states[None] if padded else None)
    acts = [Act("it", (0.0, 1.0), (TOLD, *biases))]
    attend: Any = compile_acts(replace(SITE, fused=on == "the fused kernel"), acts)
    out = attend(*qkv(), layout=layout).double()
    wanted = literal(qkv(), first, states, visible, *biases)
    if whole is not None:  # what padding itself gets means nothing
        out, wanted = out[:, :, whole[0]], wanted[:, :, whole[0]]
    torch.testing.assert_close(out, wanted, atol=1e-5, rtol=0)
    assert lower(acts, "joint").words.endswith("segment bias")


def test_scales_and_mixes_stand_beside_it():
    layout = Layout(TEXTS)
    attend: Any = compile_acts(SITE, [Act("it", (0.0, 1.0), (TOLD, Scale(q=1.5)))])
    q, k, v = qkv()
    scaled = q.clone()
    scaled[:, :, TEXTS:] *= 1.5
    wanted = literal((scaled, k, v), True, IN_ORDER, None)
    torch.testing.assert_close(attend(q, k, v, layout=layout).double(), wanted, atol=1e-5, rtol=0)
    whole = Mix(lambda distance: (distance == 0).to(distance))
    mixed: Any = compile_acts(SITE, [Act("it", (0.0, 1.0), (TOLD, whole))])
    out = mixed(q, k, v, layout=layout).double()
    bias = literal((q, k, torch.eye(VIDEO + TEXTS).expand(1, HEADS, -1, -1)), True, IN_ORDER, None)
    to_text = bias[:, :, TEXTS:, :TEXTS]  # what is left for the video stays in the own frame
    inside = torch.cat(
        [
            scaled_dot_product_attention(
                *(x[:, :, TEXTS + f * POSITIONS : TEXTS + (f + 1) * POSITIONS].double() for x in (q, k, v))
            )
            for f in range(FRAMES)
        ],
        dim=2,
    )
    wanted = to_text @ v[:, :, :TEXTS].double() + (1.0 - to_text.sum(-1, keepdim=True)) * inside
    torch.testing.assert_close(out[:, :, TEXTS:], wanted, atol=1e-5, rtol=0)
    assert torch.equal(out[:, :, :TEXTS], attend_alone(q, k, v, layout)[:, :, :TEXTS])


def attend_alone(q, k, v, layout) -> torch.Tensor:
    attend: Any = compile_acts(SITE, [Act("it", (0.0, 1.0), (TOLD,))])
    return attend(q, k, v, layout=layout).double()


@pytest.mark.parametrize("biases", [(), (TAR,)], ids=["alone", "beside row statistics"])
def test_a_video_that_the_prompt_does_not_condition_computes_as_if_no_other_text_stood_there(biases):
    q, k, v = qkv(videos=2)
    current = Current(layout=CallLayout(lambda: (False, True), 1, POSITIONS))
    attend: Any = compile_acts(SITE, [Act("it", (0.0, 1.0), (TOLD, *biases))], current)
    out = attend(q, k, v, layout=Layout(TEXTS))
    own = torch.cat([torch.arange(3), torch.arange(TEXTS, TEXTS + VIDEO)])
    plain: Any = compile_acts(SITE, [Act("it", (0.0, 1.0), biases)] if biases else [])
    assert torch.equal(out[:1, :, own], plain(q[:1, :, own], k[:1, :, own], v[:1, :, own], layout=Layout(3)))
    torch.testing.assert_close(out[1:].double(), literal((q[1:], k[1:], v[1:]), True, IN_ORDER, None, *biases), atol=1e-5, rtol=0)
