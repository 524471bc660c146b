"""The methods that change logits, each against its formula: UltraViCo, the first frame's penalty, the diagonal's."""

from __future__ import annotations

import math

import pytest
import torch
from vstar_longvideo.first_frame import FirstFrame, FirstFrameOptions
from vstar_longvideo.off_diagonal import OffDiagonal, OffDiagonalOptions
from vstar_longvideo.ultravico import Ultravico, UltravicoOptions

from vstar_sdk.testing.regularizers import SITES, attend, check_regularizer


def ultravico(given, factor, trained):
    far = (given.distance.abs() > trained / 2) & (given.logits > 0)
    return torch.where(far, factor * given.logits, given.logits)


def first_frame(given, penalty):
    logits = given.logits.clone()
    logits[..., 1:, 0] -= penalty
    return logits


def off_diagonal(given, weight, radius):
    """Weights before they are made to sum to 1."""
    weights = given.logits.exp()
    return torch.where(given.distance.abs() <= radius, weight * weights, weights).log()


METHODS = [
    (Ultravico(UltravicoOptions(trained_frames=6)), lambda given: ultravico(given, 0.9, 6)),
    (Ultravico(UltravicoOptions(trained_frames=3, factor=0.0)), lambda given: ultravico(given, 0.0, 3)),
    (FirstFrame(FirstFrameOptions(window=(0, 1))), lambda given: first_frame(given, 0.6)),
    (FirstFrame(FirstFrameOptions(window=(0, 1), penalty=3)), lambda given: first_frame(given, 3)),
    (OffDiagonal(OffDiagonalOptions()), lambda given: off_diagonal(given, 0.5, 0)),
    (OffDiagonal(OffDiagonalOptions(weight=0.1, radius="0.25s")), lambda given: off_diagonal(given, 0.1, 2)),
]


@pytest.mark.parametrize(("method", "expected"), METHODS, ids=lambda one: type(one).__name__)
def test_against_the_formula(attention, method, expected):
    given = attention(12)
    out = attend([method], *given.qkv)
    torch.testing.assert_close(out.double(), given.out(expected(given)), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("method", "expected"), METHODS, ids=lambda one: type(one).__name__)
def test_they_keep_the_contract(method, expected):
    check_regularizer(method, frames=(5, 16))


@pytest.mark.parametrize(("method", "expected"), METHODS, ids=lambda one: type(one).__name__)
def test_they_add_to_a_band(attention, method, expected):
    """Statistics of a row are of the logits before any bias, and changes of the logits come after."""

    class Band:
        options = OffDiagonalOptions()

        def operations(self, site):
            from vstar_sdk import Bias

            return [Bias(lambda distance: (-distance.abs()).exp(), stat="max")]

    given = attention(12)
    band = given.logits.amax(-1, keepdim=True) * (-given.distance.abs()).exp()
    out = attend([Band(), method], *given.qkv)
    if isinstance(method, Ultravico):
        options = method.options
        logits, far = given.logits + band, given.distance.abs() > options.trained_frames / 2
        logits = torch.where(far & (logits > 0), options.factor * logits, logits)
    else:
        logits = expected(given) + band
    torch.testing.assert_close(out.double(), given.out(logits), atol=1e-5, rtol=0)


def test_the_weight_of_the_diagonal_is_what_it_says():
    """Where all frames weigh the same, the diagonal has a half of the others' weight."""
    zero = torch.zeros(1, 2, 5, 4)
    maps = attend([OffDiagonal(OffDiagonalOptions())], zero, zero, torch.eye(5).expand(1, 2, -1, -1))
    row = [0.5 / 4.5, *[1 / 4.5] * 4]
    torch.testing.assert_close(maps[0, 0, 0], torch.tensor(row), atol=1e-6, rtol=0)
    assert math.isclose(float(maps[0, 0, 3, 3]), 0.5 / 4.5, abs_tol=1e-6)


def test_levels_are_chosen_and_the_first_transformer_is_left_alone():
    method = OffDiagonal(OffDiagonalOptions(levels=[1]))
    from vstar_sdk import Site

    acting = [site.name for site in SITES if method.operations(Site.of(site, 8, 8.0))]
    assert acting == ["down.1", "up.1"]
