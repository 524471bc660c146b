"""Decoding takes as much memory for a long clip as for a short one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from vstar_sdk.models.diffusers.measuring import LiveBytes
from vstar_sdk.models.pipeline_options import FramewiseOptions


def adapter_with(tiny_source, **options):
    return dataclasses.replace(tiny_source, options=FramewiseOptions(**options)).load("cpu", "float32")


def noisy(adapter, frames, size=16):
    return torch.randn(adapter.latent_shape(frames, size, size), generator=torch.Generator().manual_seed(0))


def peak(adapter, frames):
    """The most bytes of tensors at once, beside weights and latents, while all frames are decoded."""
    latents = noisy(adapter, frames)
    with LiveBytes() as memory:
        for _ in adapter.decode(latents):
            pass
    return memory.peak


@pytest.mark.parametrize("batch", [1, 4])
def test_memory_does_not_grow_with_frames(tiny_source, batch):
    adapter = adapter_with(tiny_source, decode_batch=batch)
    assert peak(adapter, 16) == peak(adapter, 128)


def test_memory_grows_with_the_batch(tiny_source):
    one, four = (peak(adapter_with(tiny_source, decode_batch=batch), 16) for batch in (1, 4))
    assert 3.5 < four / one < 4.5


def test_batches_give_the_same_frames_whatever_is_left_for_the_last(tiny_source):
    plain, batched = (adapter_with(tiny_source, decode_batch=batch) for batch in (1, 3))
    expected, frames = (np.stack(list(adapter.decode(noisy(adapter, 7)))) for adapter in (plain, batched))
    assert frames.shape == expected.shape
    assert np.abs(frames.astype(int) - expected).max() <= 1  # a value between two whole numbers may be rounded either way


def test_tiles_take_less_memory_for_large_pictures_and_leave_small_ones_alone(tiny_source):
    plain, tiled = (adapter_with(tiny_source, tiling=tiling) for tiling in (False, True))
    expected, small = (np.stack(list(adapter.decode(noisy(adapter, 2)))) for adapter in (plain, tiled))
    np.testing.assert_array_equal(small, expected)
    peaks = []
    for adapter in (plain, tiled):
        with LiveBytes() as memory:
            (frame,) = adapter.decode(noisy(adapter, 1, size=128))
        assert frame.shape == (128, 128, 3)
        peaks.append(memory.peak)
    assert peaks[1] < 0.5 * peaks[0]
