"""The methods where all tokens of a clip attend to each other, against their formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from vstar_longvideo.enhance import Enhance, EnhanceOptions
from vstar_longvideo.first_frame import FirstFrame, FirstFrameOptions
from vstar_longvideo.freelong import FreeLong, FreeLongOptions
from vstar_longvideo.freenoise_windows import Windows, WindowsOptions
from vstar_longvideo.ultravico import Ultravico, UltravicoOptions

from vstar_sdk import Clock, SiteAddress
from vstar_sdk.testing.regularizers import attend

FRAMES, HEIGHT, WIDTH, VIDEOS = 8, 2, 3, 2
SITE = SiteAddress("blocks.0.attn", "stack", 0, 2, 8, kind="joint", index=0)
QUERY, KEY, VALUE = torch.randn(3, VIDEOS, 2, FRAMES * HEIGHT * WIDTH, 8, generator=torch.Generator().manual_seed(0)).mul(1.5)
LOGITS = QUERY.double() @ KEY.double().mT * 8**-0.5
FRAME = torch.arange(FRAMES).repeat_interleave(HEIGHT * WIDTH)
APART = (FRAME[:, None] - FRAME).abs()


def out(regularizer):
    layout = {"branches": (False, True), "height": HEIGHT, "width": WIDTH, "clock": Clock(FRAMES, 8.0)}
    return attend([regularizer], QUERY, KEY, VALUE, site=SITE, **layout).double()


def hidden(where):
    return LOGITS.masked_fill(where, -torch.inf).softmax(-1) @ VALUE.double()


def close(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert (found - hidden(torch.zeros_like(APART, dtype=torch.bool))).abs().max() > 1e-3


def test_ultravico():
    logits = torch.where((LOGITS > 0) & (APART > 3), 0.9 * LOGITS, LOGITS)
    close(out(Ultravico(UltravicoOptions(trained_frames=6))), logits.softmax(-1) @ VALUE.double())


@pytest.mark.parametrize(("branches", "lost"), [("prompt", (0.0, 0.6)), ("all", (0.6, 0.6))])
def test_first_frame_loses_in_the_branch_of_the_prompt_alone_unless_in_all(branches, lost):
    penalty = torch.tensor(lost, dtype=torch.float64)[:, None, None, None] * ((FRAME[:, None] > 0) & (FRAME == 0))
    options = FirstFrameOptions(window=(0, 1), branches=branches)
    close(out(FirstFrame(options)), (LOGITS - penalty).softmax(-1) @ VALUE.double())


def test_freenoise():
    total, weights = torch.zeros(VALUE.shape, dtype=torch.float64), torch.zeros(len(FRAME), dtype=torch.float64)
    for start in (0, 3, 4):
        for frame, weight in zip(range(start, start + 4), (1.0, 2.0, 2.0, 1.0), strict=True):
            inside = (start <= FRAME) & (start + 4 > FRAME)
            of_frame = frame == FRAME
            total[:, :, of_frame] += weight * hidden(~inside)[:, :, of_frame]
            weights[of_frame] += weight
    close(out(Windows(WindowsOptions(size=4, stride=3))), total / weights[:, None])


def test_freelong():
    bands = [hidden(APART > 2), hidden(torch.zeros_like(APART, dtype=torch.bool))]
    local, whole = (np.fft.fftn(band.unflatten(2, (FRAMES, HEIGHT, WIDTH)).numpy(), axes=(2, 3, 4)) for band in bands)
    t, y, x = np.meshgrid(*(2 * np.fft.fftfreq(size) for size in (FRAMES, HEIGHT, WIDTH)), indexing="ij")
    keep = np.exp(-(t**2 + y**2 + x**2) / 0.25**2 / 2)[..., None]
    mixed = np.fft.ifftn(keep * whole + (1 - keep) * local, axes=(2, 3, 4)).real
    close(out(FreeLong(FreeLongOptions(trained_frames=4, window=(0, 1)))), torch.from_numpy(mixed).flatten(2, 4))


@pytest.mark.parametrize("weight", [4.0, 12.0])
def test_enhance(weight):
    gains = []
    for video in range(VIDEOS):
        outside = []
        for head in range(2):
            for position in range(HEIGHT * WIDTH):
                at = torch.arange(FRAMES) * HEIGHT * WIDTH + position
                own = LOGITS[video, head][at][:, at].softmax(-1)
                outside.append(own[~torch.eye(FRAMES, dtype=torch.bool)].mean())
        gains.append(max(1.0, float((FRAMES + weight) * torch.stack(outside).mean())))
    plain = hidden(torch.zeros_like(APART, dtype=torch.bool))
    close(out(Enhance(EnhanceOptions(weight=weight))), plain * torch.tensor(gains, dtype=torch.float64)[:, None, None, None])
