"""Seeds."""

import torch

from tests.denoised import gaussian
from vstar_sdk.sampling.noise import SEEDS, folded, step_noise


def test_a_seed_means_what_it_means_to_pytorch():
    expected = torch.randn(1, 4, 8, 4, 4, generator=torch.Generator().manual_seed(7))
    assert torch.equal(gaussian((1, 4, 8, 4, 4), 7), expected)


def test_the_noise_of_the_steps_is_not_the_initial_noise_again():
    first = gaussian((1000,), 7)
    later = torch.randn(1000, generator=step_noise(7))
    assert abs(float(torch.corrcoef(torch.stack([first, later]))[0, 1])) < 0.15
    assert torch.equal(torch.randn(1000, generator=step_noise(7)), later)


def test_seeds_differ():
    drawn = {float(gaussian((1,), seed)) for seed in range(50)} | {
        float(torch.randn(1, generator=step_noise(s))) for s in range(50)
    }
    assert len(drawn) == 100


def test_seeds_of_32_bits_stand_for_themselves_and_longer_ones_are_folded_whole():
    assert [folded(seed) for seed in (0, 7, 2**32 - 1)] == [0, 7, 2**32 - 1]
    assert folded(2**32) == 3_964_924_996
    long = [2**32, 2**32 + 1, 2**33, 2**63, SEEDS - 1]
    assert len({folded(seed) for seed in long}) == len(long)
    assert all(0 <= folded(seed) < 2**32 for seed in long)
    assert not torch.equal(gaussian((9,), 2**32 + 7), gaussian((9,), 7))
    assert not torch.equal(torch.randn(9, generator=step_noise(2**32 + 7)), torch.randn(9, generator=step_noise(7)))
