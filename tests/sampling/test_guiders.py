"""Guidances by the formulas of diffusers, against these formulas written out in float64, and against its guiders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers.guiders.adaptive_projected_guidance_mix import AdaptiveProjectedMixGuidance, MomentumBuffer
from diffusers.guiders.classifier_free_zero_star_guidance import ClassifierFreeZeroStarGuidance
from diffusers.guiders.magnitude_aware_guidance import MagnitudeAwareGuidance
from diffusers.guiders.tangential_classifier_free_guidance import TangentialClassifierFreeGuidance

from vstar_sdk.attention.moment import Moment
from vstar_sdk.options import GuidanceOptions
from vstar_sdk.sampling.apg import ApgMix, ApgMixOptions
from vstar_sdk.sampling.cfg import Cfg
from vstar_sdk.sampling.frequencies import FrequencyDecoupled, FrequencyOptions
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


def apg_written_out(given, scale, running, momentum, threshold):
    """For every frame by itself; float64."""
    n, p = (given[name].double() for name in ("negative", "prompt"))
    running = p - n + momentum * running
    update = running.clone()
    for frame in range(update.shape[2]):
        d, along = update[:, :, frame], p[:, :, frame]
        d = d * min(1.0, threshold / float(d.norm()))
        update[:, :, frame] = d - (d * along).sum() / (along * along).sum() * along
    return n + scale * update, running


def test_apg_mix_is_plain_up_to_a_step_and_then_the_formula():
    guidance = ApgMix(ApgMixOptions(after=0.5, threshold=6.0))
    guidance.begin()
    steps = torch.randn(4, 2, 1, 4, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    running: Any = 0.0
    for step, (negative, prompt) in enumerate(steps):
        given = {"negative": negative, "prompt": prompt}
        got = guidance.combine(given, 3.5, Moment(step, 4, 0.0)).double()
        wanted, running = apg_written_out(given, 10.0, running, -0.5, 6.0)
        if step < 2:
            wanted = negative.double() + 3.5 * (prompt - negative).double()
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)


def test_apg_mix_is_the_guider_of_diffusers_where_a_clip_is_one_frame():
    """Which measures the update of the whole clip, and counts steps."""
    guider: Any = AdaptiveProjectedMixGuidance(guidance_scale=3.5, adaptive_projected_guidance_start_step=4)
    guider.momentum_buffer = MomentumBuffer(-0.5)
    guidance = ApgMix(ApgMixOptions(after=0.5))
    for step, (negative, prompt) in enumerate(torch.randn(10, 2, 1, 4, 1, 8, 8, generator=torch.Generator().manual_seed(6))):
        guider.set_state(step, 10, torch.tensor(500))
        wanted = guider.forward(prompt, negative).pred
        got = guidance.combine({"negative": negative, "prompt": prompt}, 3.5, Moment(step, 10, 0.0))
        torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)


TAPS = np.array([1, 4, 6, 4, 1]) / 16


def blurred(x):
    """The two last dimensions, one row and one column after the other."""
    for axis in (-1, -2):
        x = np.apply_along_axis(lambda row: np.convolve(np.pad(row, 2, mode="edge"), TAPS, mode="valid"), axis, x)
    return x


def enlarged(x, size):
    """In straight lines between the middles of rows and columns."""
    for axis, wanted in ((-1, size[1]), (-2, size[0])):
        have = x.shape[axis]
        places = (np.arange(wanted) + 0.5) * have / wanted - 0.5
        x = np.apply_along_axis(lambda row, at=places, n=have: np.interp(at, np.arange(n), row), axis, x)
    return blurred(x)


def banded(x, scales):
    """The Laplacian pyramid of one prediction's bands, each times its scale."""
    if len(scales) == 1:
        return scales[0] * x
    coarse = blurred(x)[..., ::2, ::2]
    return scales[0] * (x - enlarged(coarse, x.shape[-2:])) + enlarged(banded(coarse, scales[1:]), x.shape[-2:])


@pytest.mark.parametrize(("levels", "scales"), [(2, (12.0, 4.0)), (3, (12.0, 8.0, 4.0))])
@pytest.mark.parametrize("size", [(8, 8), (9, 13)])
def test_fdg_guides_the_bands_of_both_predictions_and_adds_them_up(levels, scales, size):
    negative, prompt = torch.randn(2, 1, 4, 3, *size, generator=torch.Generator().manual_seed(7))
    guidance = FrequencyDecoupled(FrequencyOptions(details=3.0, levels=levels))
    got = guidance.combine({"negative": negative, "prompt": prompt}, 4.0, Moment(2, 8, 0.0))
    n, p = (x.double().numpy() for x in (negative, prompt))
    wanted = banded(n, (1.0,) * levels) + banded(p, scales) - banded(n, scales)
    np.testing.assert_allclose(got.double().numpy(), wanted, atol=1e-4)


def test_fdg_with_equal_scales_is_cfg():
    got = FrequencyDecoupled(FrequencyOptions(details=1.0)).combine(GIVEN, 4.0, Moment(0, 8, 0.0))
    torch.testing.assert_close(got, Cfg(GuidanceOptions()).combine(GIVEN, 4.0, Moment(0, 8, 0.0)), atol=1e-5, rtol=1e-5)


def test_the_new_ones_keep_the_contract():
    check_guidance(lambda: ApgMix(ApgMixOptions(after=0.5)))
    check_guidance(lambda: FrequencyDecoupled(FrequencyOptions()))
