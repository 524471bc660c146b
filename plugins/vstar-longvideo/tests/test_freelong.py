"""FreeLong and FreeLong++ against their formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from vstar_longvideo.freelong import FreeLong, FreeLongOptions

from vstar_sdk.testing.regularizers import attend, check_regularizer


def filtered(clip, cutoff):
    """The frequencies of ``(videos, height, width, heads, frames, channels)`` by numpy's full transform, float64."""
    axes = (4, 1, 2)
    t, y, x = np.meshgrid(*(2 * np.fft.fftfreq(clip.shape[axis]) for axis in axes), indexing="ij")
    keep = np.exp(-(t**2 + y**2 + x**2) / cutoff**2 / 2).transpose(1, 2, 0)[None, :, :, None, :, None]
    return keep * np.fft.fftn(clip, axes=axes), (1 - keep) * np.fft.fftn(clip, axes=axes)


def written_out(given, radii, cutoffs, videos, height, width):
    """Bands, one after the other: the part of each local attention above its cut-off, and of the next one below it."""
    outs = [given.out(given.logits.masked_fill(given.distance.abs() > near, -torch.inf)) for near in (*radii, given.frames)]
    clips = [out.unflatten(0, (videos, height, width)).numpy() for out in outs]
    total = np.fft.fftn(clips[0], axes=(4, 1, 2))
    for cutoff, here, beyond in zip(cutoffs, clips, clips[1:], strict=False):
        total = total + filtered(beyond, cutoff)[0] - filtered(here, cutoff)[0]
    if len(radii) == 1:  # as the paper has it
        np.testing.assert_allclose(total, filtered(clips[1], cutoffs[0])[0] + filtered(clips[0], cutoffs[0])[1], atol=1e-9)
    return torch.from_numpy(np.fft.ifftn(total, axes=(4, 1, 2)).real).flatten(0, 2)


def test_it_keeps_the_contract():
    check_regularizer(FreeLong(FreeLongOptions(trained_frames=4)), frames=(5, 16))
    check_regularizer(FreeLong(FreeLongOptions(trained_frames=4, windows=(1, 2, 4))), frames=(5, 16))


@pytest.mark.parametrize(
    ("windows", "radii", "cutoffs"),
    [((1,), (4,), (0.25,)), ((1, 2), (4, 8), (0.25, 0.125)), ((0.5, 1, 2, 4), (2, 4, 8), (0.5, 0.25, 0.125))],
)
@pytest.mark.parametrize(("videos", "height", "width"), [(1, 3, 4), (2, 3, 2)])
def test_against_the_formula(attention, windows, radii, cutoffs, videos, height, width):
    given = attention(12, positions=12)
    branches = (False, True)[2 - videos :]
    regularizer = FreeLong(FreeLongOptions(trained_frames=8, windows=windows, window=(0, 1)))
    out = attend([regularizer], *given.qkv, branches=branches, height=height, width=width)
    torch.testing.assert_close(out.double(), written_out(given, radii, cutoffs, videos, height, width), atol=1e-5, rtol=0)


def test_windows_go_from_short_to_long():
    with pytest.raises(ValueError, match="from the shortest to the longest"):
        FreeLongOptions(windows=(2, 1))
