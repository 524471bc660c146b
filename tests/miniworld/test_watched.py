"""The metrics of colour and camera: what they make of renders whose truth is known, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from vstar_sdk import Options, SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.metrics.measured import measured
from vstar_sdk.miniworld.coloured import Coloured
from vstar_sdk.miniworld.panned import Panned
from vstar_sdk.miniworld.world import scene


def panning(step, frames=10):
    return scene("landscape", 4).render(np.full(frames, 0.5), np.arange(float(frames)), 100 + step * np.arange(float(frames)))


@pytest.mark.parametrize(("step", "side", "speed"), [(2.0, "right", 2), (-3.0, "left", 3), (2.0, "left", -2), (0.0, "right", 0)])
def test_a_pan_has_its_speed_and_side(step, side, speed):
    numbers = measured(Panned(Options()), panning(step), f"a landscape in summer, the camera pans {side}")
    assert numbers == {"pan_speed": speed, "pan_steady": pytest.approx(1, abs=0.12), "pan_side": float(speed > 0)}


def test_enlarged_frames_have_the_numbers_of_small_ones():
    large = np.repeat(np.repeat(panning(2.0), 2, 1), 2, 2)
    assert measured(Panned(Options()), large, "a landscape in summer, the camera pans right")["pan_speed"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("family", ["flower", "balloon", "submarine", "train"])
def test_the_colour_of_a_render_is_told_and_another_is_not(family):
    layout = scene(family, 21)
    frames = layout.render(np.linspace(0, 1, 8), np.arange(8.0))
    other = next(colour for colour in ("red", "blue", "yellow") if colour != layout.colour)
    found = [measured(Coloured(Options()), frames, f"a {colour} {family}")["colour"] for colour in (layout.colour, other)]
    assert found == [1.0, 0.0]


@pytest.mark.parametrize(
    ("metric", "prompt", "words"),
    [
        (Panned, "a landscape in summer", "the camera does not pan"),
        (Panned, "two cats dance", "no known scene"),
        (Coloured, "a beach from dawn to night", "names no colour"),
        (Coloured, "two cats dance", "no known scene"),
    ],
)
def test_what_is_not_asked_for_is_not_measured(metric, prompt, words):
    with pytest.raises(SpecError, match=words):
        metric(Options()).begin(Footage(frames=8, width=64, height=64, fps=8, prompt=prompt))
    for frames, width in ((2, 64), (8, 80)):
        with pytest.raises(SpecError, match="judge"):
            metric(Options()).begin(Footage(frames=frames, width=width, height=64, fps=8, prompt=prompt))
