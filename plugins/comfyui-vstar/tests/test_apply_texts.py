"""Texts of frames and states that are relayed, in a MODEL: against the text of each end, and the formula in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from stand_ins import (
    POSITIONS,
    TAR,
    TEXT,
    Clip,
    LTXVModel,
    WanModel,
    applied,
    called,
    text,
    worst,
)
from torch import Tensor

from vstar_sdk import State, Synopsis


@pytest.mark.parametrize("kind", [WanModel, LTXVModel])
def test_every_frame_of_the_prompt_reads_its_own_text(model_of: Any, kind: Any):
    model = model_of(kind())
    story = Synopsis((State("a bud", 0), State("a flower", "50%")))
    seen: dict[str, Any] = {} if kind is WanModel else {"attention_mask": (torch.arange(TEXT) < TEXT - 1).repeat(2, 1).long()}
    one = called(applied(model, synopsis=Synopsis((State("a bud"),)), clip=Clip()), **seen)
    assert worst(one, called(model, **seen)) < 1e-5
    told = called(applied(model, synopsis=story, clip=Clip(), interpolation="hold"), **seen)
    ends = [called(model, context=torch.cat([text(end), text("blurred")]), **seen) for end in ("a bud", "a flower")]
    assert worst(told[1], one[1]) < 1e-5
    first, last = told[0, :POSITIONS], told[0, -POSITIONS:]
    assert worst(first, ends[0][0, :POSITIONS]) < worst(first, ends[1][0, :POSITIONS])
    assert worst(last, ends[1][0, -POSITIONS:]) < worst(last, ends[0][0, -POSITIONS:])
    both = called(applied(model, regularizers=[TAR], synopsis=story, clip=Clip()), **seen)
    assert worst(both[1], told[1]) > 1e-3


def relayed(bias: Tensor) -> Callable[..., Tensor]:
    """Attention to the text of all states, of the first video, with a bias ``(frames, states)`` on every logit."""
    rows = bias.repeat_interleave(POSITIONS, 0).repeat_interleave(TEXT, 1)

    def attend(func: Any, q: Tensor, k: Tensor, v: Tensor, heads: int, **more: Any) -> Tensor:
        if q.shape == k.shape:
            return func(q, k, v, heads, **more)
        q, k, v = (x.double().unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
        logits = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + rows
        return (logits.softmax(-1) @ v).float().transpose(1, 2).flatten(2)

    return attend


def test_states_are_relayed_by_the_formula(wan: Any):
    story = Synopsis((State("a bud", 0), State("a flower", 16)))
    told = called(applied(wan, synopsis=story, clip=Clip(), timeline="relay"))
    # Of 17 frames the bud rules 0 to 7 and the flower 8 to 16: their middles and lengths in latent frames, which are 4 frames.
    middles, lengths, at = (3.5 / 4, 12 / 4), (8 / 4, 9 / 4), (0.0, 2.5 / 4, 6.5 / 4, 10.5 / 4, 14.5 / 4)
    nats, margin = math.log(1000), 2.0
    lowered = [
        [max(0.0, abs(f - m) - max(0.0, s / 2 - margin)) ** 2 * nats**2 / 2 for m, s in zip(middles, lengths, strict=True)]
        for f in at
    ]
    bias = torch.tensor([[min(row) - one for one in row] for row in lowered]).double()
    both = torch.cat([text("a bud"), text("a flower")], 1)
    wanted = called(wan, override=relayed(bias), context=both.repeat(2, 1, 1))
    assert worst(told[0], wanted[0]) < 1e-5
    assert worst(told[1], called(wan)[1]) < 1e-5
    assert worst(told[0], called(wan)[0]) > 1e-2
    together = called(applied(wan, regularizers=[TAR], synopsis=story, clip=Clip(), timeline="relay"))
    assert worst(together[1], called(applied(wan, regularizers=[TAR]))[1]) < 1e-5
    assert worst(together[0], told[0]) > 1e-3
