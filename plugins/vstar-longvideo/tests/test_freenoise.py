"""FreeNoise: the noise, and the windows."""

from __future__ import annotations

import pytest
import torch
from vstar_longvideo.freenoise import FreeNoise, FreeNoiseOptions
from vstar_longvideo.freenoise_windows import Windows, WindowsOptions

from vstar_sdk import Clock
from vstar_sdk.testing.noises import check_noise
from vstar_sdk.testing.regularizers import attend, check_regularizer


def drawn(frames: int, seed: int = 3, **options: int) -> torch.Tensor:
    noise = FreeNoise(FreeNoiseOptions(**options))
    return noise.draw((1, 2, frames, 3, 3), Clock(frames, 8.0), torch.Generator().manual_seed(seed))


def test_the_noise_keeps_the_contract():
    check_noise(FreeNoise(FreeNoiseOptions()))
    check_noise(FreeNoise(FreeNoiseOptions(window=4, stride=3)))


@pytest.mark.parametrize(("window", "stride", "frames"), [(16, 4, 64), (6, 4, 21), (5, 5, 12)])
def test_every_later_group_is_the_one_a_window_before_in_another_order(window, stride, frames):
    noise = drawn(frames, window=window, stride=stride)
    for group in range(window, frames - stride + 1, stride):
        later, earlier = (noise[0, :, start : start + stride].transpose(0, 1) for start in (group, group - window))
        found = [next(n for n, frame in enumerate(earlier) if torch.equal(frame, one)) for one in later]
        assert sorted(found) == list(range(stride))
    first = noise[0, :, :window].transpose(0, 1).flatten(1)
    assert len(torch.unique(first, dim=0)) == window


def test_the_order_is_random():
    noise = drawn(64)
    assert not torch.equal(noise[:, :, 16:20], noise[:, :, :4])
    orders = {tuple(float(x) for x in noise[0, 0, start : start + 4, 0, 0]) for start in range(0, 64, 16)}
    assert len(orders) > 1


def test_a_clip_of_one_window_has_gaussian_noise_to_the_bit():
    assert torch.equal(drawn(16), torch.randn(1, 2, 16, 3, 3, generator=torch.Generator().manual_seed(3)))


def test_the_windows_keep_the_contract():
    check_regularizer(Windows(WindowsOptions(size=4, stride=2)), frames=(5, 16))


@pytest.mark.parametrize(("size", "stride", "frames"), [(16, 4, 32), (6, 4, 13), (5, 2, 6)])
def test_the_windows_against_the_formula(attention, size, stride, frames):
    given = attention(frames)
    weights = [(size + 1) / 2 - abs(n - (size - 1) / 2) for n in range(size)]
    starts = [*range(0, frames - size, stride), frames - size]
    expected = torch.zeros(given.value.shape, dtype=torch.float64)
    for frame in range(frames):
        inside = [start for start in starts if start <= frame < start + size]
        total = sum(weights[frame - start] for start in inside)
        for start in inside:
            hidden = torch.full((frames,), -torch.inf, dtype=torch.float64)
            hidden[start : start + size] = 0.0
            expected[:, :, frame] += weights[frame - start] / total * given.out(given.logits + hidden)[:, :, frame]
    out = attend([Windows(WindowsOptions(size=size, stride=stride))], *given.qkv)
    torch.testing.assert_close(out.double(), expected, atol=1e-5, rtol=0)


def test_at_strength_0_the_windows_are_the_plain_model_to_the_bit(attention):
    given = attention(12)
    assert torch.equal(attend([Windows(WindowsOptions(size=4, strength=0))], *given.qkv), given.plain)


def test_a_stride_beyond_the_window_is_refused():
    for options in (lambda: FreeNoiseOptions(window=4, stride=5), lambda: WindowsOptions(size=4, stride=5)):
        with pytest.raises(ValueError, match="stride 5"):
            options()
