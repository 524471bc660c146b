"""Enhance-A-Video against its formula."""

from __future__ import annotations

import pytest
import torch
from vstar_longvideo import enhance
from vstar_longvideo.enhance import Enhance, EnhanceOptions

from vstar_sdk import Bias
from vstar_sdk.testing.regularizers import attend, check_regularizer


def expected(given, logits, videos, weight):
    """Every map written out; one gain for each video."""
    maps = logits.softmax(-1).unflatten(0, (videos, -1))
    outside = maps[..., ~torch.eye(given.frames, dtype=torch.bool)].mean(dim=(1, 2, 3))
    gain = ((given.frames + weight) * outside).clamp(min=1)
    return given.out(logits) * gain.repeat_interleave(len(logits) // videos)[:, None, None, None]


def test_it_keeps_the_contract():
    check_regularizer(Enhance(EnhanceOptions()))


@pytest.mark.parametrize("chunk", [2**22, 100])
@pytest.mark.parametrize(("frames", "weight", "branches"), [(2, 4.0, (True,)), (16, 4.0, (False, True)), (9, 0.0, (True,))])
def test_against_the_formula(monkeypatch, attention, frames, weight, branches, chunk):
    monkeypatch.setattr(enhance, "CHUNK", chunk)
    given = attention(frames)
    layout = {"branches": branches, "height": 1, "width": 6 // len(branches)}
    out = attend([Enhance(EnhanceOptions(weight=weight))], *given.qkv, **layout)
    torch.testing.assert_close(out.double(), expected(given, given.logits, len(branches), weight), atol=1e-5, rtol=0)


def test_nothing_is_lowered(attention):
    sharp = attention(6)
    sharp.key = sharp.query = 20 * sharp.query  # every frame attends to itself alone
    out = attend([Enhance(EnhanceOptions())], *sharp.qkv, width=6)
    torch.testing.assert_close(out, sharp.plain, atol=1e-5, rtol=0)


def test_the_gain_is_of_the_models_own_map_whatever_others_make_of_it(attention):
    class Near:
        options = EnhanceOptions()

        def operations(self, site):
            return [Bias(lambda distance: (-distance.abs()).exp(), stat="max")]

    given = attention(8)
    gain = expected(given, given.logits, 1, 4.0) / given.out(given.logits)
    near = given.logits + given.logits.amax(-1, keepdim=True) * (-given.distance.abs()).exp()
    out = attend([Enhance(EnhanceOptions()), Near()], *given.qkv, width=6)
    torch.testing.assert_close(out.double(), gain * given.out(near), atol=1e-5, rtol=0)


def test_the_branches_of_guidance_are_the_same_together_and_apart(attention):
    given = attention(8)
    regularizer = Enhance(EnhanceOptions())
    together = attend([regularizer], *given.qkv, branches=(False, True), width=3)
    apart = [attend([regularizer], *(x[rows] for x in given.qkv), width=3) for rows in (slice(0, 3), slice(3, 6))]
    torch.testing.assert_close(together, torch.cat(apart), atol=1e-6, rtol=0)
