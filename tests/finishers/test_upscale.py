from __future__ import annotations

import numpy as np
import pytest

from vstar_sdk.finishers.upscale import Upscale, UpscaleOptions
from vstar_sdk.footage import Footage

CLIP = Footage(frames=3, width=10, height=6, fps=8.0, prompt="a kite")


def test_the_size_grows_and_number_rate_and_prompt_stay():
    planned = Upscale(UpscaleOptions(factor=3)).plan(CLIP)
    assert planned == Footage(frames=3, width=30, height=18, fps=8.0, prompt="a kite")


def test_frames_are_enlarged_by_a_lanczos_filter():
    """Checked against the filter written out: a sinc in a window of a sinc, over three lobes."""
    frame = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)
    (large,) = Upscale(UpscaleOptions()).finish(iter([frame]), CLIP)
    assert large.shape == (12, 20, 3)

    def matrix(size):
        at = (np.arange(2 * size)[:, None] + 0.5) / 2 - 0.5 - np.arange(size)
        weights = np.where(np.abs(at) < 3, np.sinc(at) * np.sinc(at / 3), 0)
        return weights / weights.sum(1, keepdims=True)

    across = np.clip(np.einsum("xw,hwc->hxc", matrix(10), frame.astype(float)), 0, 255)
    wanted = np.clip(np.einsum("yh,hxc->yxc", matrix(6), across), 0, 255)
    assert np.abs(large - wanted).max() <= 1.5


@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_flat_picture_stays_flat(level):
    (large,) = Upscale(UpscaleOptions(factor=4)).finish(iter([np.full((6, 10, 3), level, np.uint8)]), CLIP)
    assert (large == level).all()


def test_no_frame_is_held_back():
    drawn = []

    def frames():
        for n in range(3):
            drawn.append(n)
            yield np.zeros((6, 10, 3), np.uint8)

    made = Upscale(UpscaleOptions()).finish(frames(), CLIP)
    for n in range(3):
        next(made)
        assert drawn == list(range(n + 1))
