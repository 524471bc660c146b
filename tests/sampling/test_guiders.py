"""Guidances by the formulas of diffusers, against these formulas written out in float64, and against its guiders."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.guiders.classifier_free_zero_star_guidance import ClassifierFreeZeroStarGuidance
from diffusers.guiders.magnitude_aware_guidance import MagnitudeAwareGuidance
from diffusers.guiders.tangential_classifier_free_guidance import TangentialClassifierFreeGuidance

from vstar_sdk.attention.moment import Moment
from vstar_sdk.options import GuidanceOptions
from vstar_sdk.sampling.cfg import Cfg
from vstar_sdk.sampling.guiders import MamboOptions, ZeroOptions, cfg_zero, mambo_g, tcfg
from vstar_sdk.testing.guidances import check_guidance

NEGATIVE, PROMPT = torch.randn(2, 1, 4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
GIVEN = {"negative": NEGATIVE, "prompt": PROMPT + 2 * NEGATIVE}
N, P = GIVEN["negative"].double(), GIVEN["prompt"].double()


def zero_star(scale):
    nearest = float((P * N).sum() / (N * N).sum()) * N
    return nearest + scale * (P - nearest)


def tangential(scale):
    """By the eigenvectors of the two predictions' products, in the place of a singular value decomposition."""
    a = torch.stack([P.flatten(), N.flatten()])
    _, vectors = torch.linalg.eigh(a @ a.T)
    first = vectors[:, -1] @ a
    first = first / first.norm()
    along = ((N.flatten() @ first) * first).reshape(N.shape)
    return along + scale * (P - along)


def mambo(scale, alpha=8.0):
    ratio = (P - N).norm() / N.norm()
    return N + (1 + (scale - 1) * torch.exp(-alpha * ratio)) * (P - N)


MADE = {
    "cfg-zero": (lambda: cfg_zero(ZeroOptions()), zero_star, lambda scale: ClassifierFreeZeroStarGuidance(scale)),
    "tcfg": (lambda: tcfg(GuidanceOptions()), tangential, lambda scale: TangentialClassifierFreeGuidance(scale)),
    "mambo-g": (lambda: mambo_g(MamboOptions()), mambo, lambda scale: MagnitudeAwareGuidance(scale)),
}


@pytest.mark.parametrize("name", MADE)
def test_it_is_the_formula_and_the_guider_of_diffusers(name):
    make, written_out, guider_of = MADE[name]
    got = make().combine(GIVEN, 4.0, Moment(2, 8, 700.0))
    torch.testing.assert_close(got.double(), written_out(4.0), atol=1e-5, rtol=1e-5)
    guider: Any = guider_of(4.0)
    guider.set_state(2, 8, torch.tensor(700))
    flat = (GIVEN[name].flatten(2) for name in ("prompt", "negative"))  # MAMBO-G's takes no video
    assert torch.equal(got, guider.forward(*flat).pred.view_as(got))
    assert not torch.allclose(got, Cfg(GuidanceOptions()).combine(GIVEN, 4.0, Moment(2, 8, 700.0)), atol=1e-3)


@pytest.mark.parametrize("name", MADE)
def test_it_keeps_the_contract(name):
    check_guidance(MADE[name][0])


def test_the_first_steps_of_cfg_zero_move_nothing():
    guidance = cfg_zero(ZeroOptions(zero_steps=2))
    moved = [bool(guidance.combine(GIVEN, 4.0, Moment(step, 8, 0.0)).any()) for step in range(4)]
    assert moved == [False, False, True, True]


def test_mambo_that_holds_nothing_back_is_cfg():
    got = mambo_g(MamboOptions(alpha=0.0)).combine(GIVEN, 4.0, Moment(0, 8, 0.0))
    torch.testing.assert_close(got, Cfg(GuidanceOptions()).combine(GIVEN, 4.0, Moment(0, 8, 0.0)), atol=1e-5, rtol=1e-5)
