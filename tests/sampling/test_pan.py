"""Noise that moves across the picture."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from vstar_sdk.clock import Clock
from vstar_sdk.sampling.pan import Pan, PanOptions
from vstar_sdk.testing.noises import check_noise

SIDES = ("left", "right", "up", "down")


def drawn(to, distance=1.0, frames=5, height=6, width=8, channels=4):
    noise = Pan(PanOptions(to=to, distance=distance))
    return noise.draw((1, channels, frames, height, width), Clock(frames, 8.0), torch.Generator().manual_seed(3))


@pytest.mark.parametrize("to", SIDES)
@pytest.mark.parametrize("distance", [0.3, 2.0])
def test_the_noise_keeps_the_contract(to, distance):
    check_noise(Pan(PanOptions(to=to, distance=distance)))


def test_the_camera_goes_where_it_is_told():
    """Two pixels a frame: what is seen goes two pixels to the other side, to the bit."""
    right, left, down, up = (
        drawn(to, distance) for to, distance in (("right", 1.0), ("left", 1.0), ("down", 4 / 3), ("up", 4 / 3))
    )
    assert torch.equal(right[:, :, 1:, :, :-2], right[:, :, :-1, :, 2:])
    assert torch.equal(left[:, :, 1:, :, 2:], left[:, :, :-1, :, :-2])
    assert torch.equal(down[:, :, 1:, :-2], down[:, :, :-1, 2:])
    assert torch.equal(up[:, :, 1:, 2:], up[:, :, :-1, :-2])
    assert not torch.equal(right[:, :, 1:, :, 2:], right[:, :, :-1, :, :-2])


@pytest.mark.parametrize("shift", [0.25, 0.5])
def test_frames_share_what_their_windows_share(shift):
    """A pixel that has moved by a quarter has three quarters of its noise in common with the one that was there."""
    noise = drawn("right", distance=shift * 4 / 64, width=64, height=64, channels=16)
    before, after = noise[:, :, :-1].flatten(), noise[:, :, 1:].flatten()
    assert float((before * after).mean()) == pytest.approx(1 - shift, abs=0.01)


def test_the_pixels_of_a_frame_are_independent():
    noise = drawn("right", distance=0.7, width=64, height=64, channels=16)
    assert abs(float((noise[..., 1:] * noise[..., :-1]).mean())) < 0.01
    assert abs(float((noise[..., 1:, :] * noise[..., :-1, :]).mean())) < 0.01


def test_one_frame_stands():
    assert drawn("left", frames=1).shape == (1, 4, 1, 6, 8)


@pytest.mark.parametrize("given", [{}, {"to": "north"}, {"to": "left", "distance": 0}, {"to": "left", "distance": -1}])
def test_a_camera_needs_a_way(given):
    with pytest.raises(ValidationError):
        PanOptions(**given)


def test_a_spec_takes_it_and_the_picture_changes(session):
    spec = {
        "prompt": "a beach at noon, the camera pans left",
        "frames": 4,
        "synopsis": {"use": "miniworld"},
        "regularizers": [],
        "sampling": {"steps": 2},
    }
    plain = list(session.run(spec).frames())
    panned = list(session.run(spec | {"sampling": {"steps": 2, "noise": {"use": "pan", "to": "left"}}}).frames())
    assert len(panned) == 4
    assert (panned[0] != plain[0]).any()
