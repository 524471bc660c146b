"""The metrics of pictures: the right value on clips whose numbers are known, and on what each of them must see."""

from __future__ import annotations

import numpy as np
import pytest

from tests.metrics.conftest import flat
from vstar_sdk import Options, SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.metrics.colour import lab
from vstar_sdk.metrics.cuts import Cuts, CutsOptions
from vstar_sdk.metrics.detail import Detail
from vstar_sdk.metrics.drift import Drift
from vstar_sdk.metrics.evolution import Evolution
from vstar_sdk.metrics.flicker import Flicker
from vstar_sdk.metrics.frozen import Frozen, FrozenOptions
from vstar_sdk.metrics.layout import Layout
from vstar_sdk.metrics.repeated import Repeated, RepeatedOptions
from vstar_sdk.metrics.seam import Seam

NONE = Options()
PICTURES = {
    "cuts": lambda: Cuts(CutsOptions()),
    "detail": lambda: Detail(NONE),
    "drift": lambda: Drift(NONE),
    "evolution": lambda: Evolution(NONE),
    "flicker": lambda: Flicker(NONE),
    "frozen": lambda: Frozen(FrozenOptions()),
    "layout": lambda: Layout(NONE),
    "repeated": lambda: Repeated(RepeatedOptions()),
    "seam": lambda: Seam(NONE),
}


@pytest.mark.parametrize(
    ("metric", "levels", "number"),
    [
        ("flicker", [7, 7, 7, 7], 0),
        ("flicker", [0, 10, 20, 30], 0),
        ("flicker", [0, 255, 0, 255], 1),
        ("flicker", [0, 51, 0], 51 / 255),
        ("flicker", [0, 0, 51, 51], 25.5 / 255),
        ("evolution", [0, 200, 51], 51 / 255),
        ("evolution", [255, 0], 1),
        ("evolution", [3, 90, 3], 0),
        ("frozen", [0, 0, 9, 9, 9], 3 / 4),
        ("frozen", [0, 1, 2], 0),
        ("seam", [0, 2, 4, 6, 26], 10),
        ("seam", [5, 5, 5, 5], 0),
        ("seam", [5, 5, 5, 45], 40),
        ("cuts", [0, 2, 4, 6, 200, 202, 204], 1),
        ("cuts", [0, 2, 4, 6, 8, 90, 10, 12, 14, 16], 2),
        ("cuts", [0] * 5 + [200] * 5 + [0] * 5, 2),
        ("cuts", [0, 0, 200, 200, 0, 0, 200, 200], 0),
        ("cuts", [0, 50, 100, 150, 200, 250], 0),
        ("cuts", [0, 50, 100, 150, 150, 150, 150], 0),
        ("cuts", [0, 0, 0, 12, 12, 12], 0),
        ("cuts", [0, 0, 0, 13, 13, 13], 1),
        ("cuts", [0, 20, 60], 1),
        ("cuts", [0, 20, 59], 0),
        ("cuts", [9, 9, 9], 0),
        ("repeated", [0, 40, 80, 0, 40, 80], 3 / 6),
        ("repeated", [0, 40, 80, 40, 0], 2 / 5),
        ("repeated", [0, 40, 80, 120], 0),
        ("repeated", [0, 0, 0, 0], 0),
        ("repeated", [0, 1, 2, 3, 4, 5], 0),
        ("detail", [7, 99], 0),
        ("drift", [90, 90, 90], 0),
        ("drift", [0, 255, 0], 100),
    ],
    ids=str,
)
def test_the_right_number(measured, metric, levels, number):
    assert measured(PICTURES[metric](), flat(levels))[metric] == pytest.approx(number, abs=1e-9 if metric != "drift" else 1e-3)


def test_numbers_are_those_of_their_formulas_on_a_random_clip(measured):
    clip = np.random.default_rng(1).integers(0, 256, (9, 6, 10, 3), dtype=np.uint8)
    x = clip.astype(float) / 255
    steps = np.abs(np.diff(x, axis=0)).mean(axis=(1, 2, 3))
    assert measured(PICTURES["flicker"](), clip)["flicker"] == pytest.approx(np.abs(x[1:-1] - (x[2:] + x[:-2]) / 2).mean())
    assert measured(PICTURES["evolution"](), clip)["evolution"] == pytest.approx(np.abs(x[-1] - x[0]).mean())
    detail = np.abs(np.diff(x, axis=1)).mean() + np.abs(np.diff(x, axis=2)).mean()
    assert measured(PICTURES["detail"](), clip)["detail"] == pytest.approx(detail)
    seam = measured(PICTURES["seam"](), clip)
    assert seam == {"seam": pytest.approx(steps.max() / np.sort(steps)[6]), "seam_at": steps.argmax() + 1}
    colours = np.array([lab(list(frame)) for frame in clip.mean(axis=(1, 2))])
    assert measured(PICTURES["drift"](), clip)["drift"] == pytest.approx(np.linalg.norm(colours - colours[0], axis=1).max())


@pytest.mark.parametrize(
    ("levels", "colour"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
        ((2, 2, 2), (0.55, 0, 0)),
    ],
    ids=str,
)
def test_colours_have_the_published_coordinates(levels, colour):
    assert lab(levels) == pytest.approx(colour, abs=0.02)


def numbers(measured, frames):
    return {name: found for make in PICTURES.values() for name, found in measured(make(), frames).items()}


def test_an_even_change_is_quiet_in_every_number(measured, noise):
    quiet = numbers(measured, noise)
    assert quiet["flicker"] < 0.005
    assert quiet["evolution"] > 0.3
    assert quiet["frozen"] == quiet["repeated"] == quiet["cuts"] == 0
    assert 1 <= quiet["seam"] < 1.1


def frozen(frames):
    """The second half stands still."""
    return np.concatenate([frames[:12], np.repeat(frames[11:12], 12, 0)])


def repeated(frames):
    """The first half, twice."""
    return np.concatenate([frames[:12], frames[:12]])


def jumping(frames):
    """A cut before frame 7."""
    return np.concatenate([frames[:7], 255 - frames[7:]])


def trembling(frames):
    """Every other frame darker."""
    return np.where(np.arange(len(frames))[:, None, None, None] % 2, frames, frames // 2).astype(np.uint8)


def ramped(frames):
    """The same pictures, their colours turned once round the circle of hues."""
    turn = 2 * np.pi * np.arange(len(frames)) / (len(frames) - 1)
    grey = frames[:1].mean(axis=-1, keepdims=True)
    hue = np.stack([np.cos(turn - shift) for shift in (0, 2 * np.pi / 3, 4 * np.pi / 3)], axis=-1)[:, None, None, :]
    return np.clip(grey / 2 + 64 + 60 * hue, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("mutation", "metric", "sees"),
    [
        (frozen, "frozen", lambda number: number == 12 / 23),
        (repeated, "repeated", lambda number: number == 12 / 24),
        (jumping, "seam", lambda number: number > 5),
        (jumping, "seam_at", lambda number: number == 7),
        (jumping, "cuts", lambda number: number == 1),
        (trembling, "flicker", lambda number: number > 0.1),
        (ramped, "drift", lambda number: number > 40),
        (ramped, "repeated", lambda number: number > 0),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_mutation_is_seen_by_its_metric(measured, noise, mutation, metric, sees):
    assert not sees(numbers(measured, noise)[metric])
    assert sees(numbers(measured, mutation(noise))[metric])


def test_the_colour_of_a_clip_in_one_hue_does_not_drift(measured, noise):
    assert numbers(measured, np.repeat(ramped(noise)[:1], 24, 0))["drift"] == 0


@pytest.mark.parametrize(
    ("metric", "least"),
    [("cuts", 3), ("drift", 2), ("evolution", 2), ("flicker", 3), ("frozen", 2), ("layout", 4), ("repeated", 3), ("seam", 3)],
)
def test_a_clip_that_is_too_short_is_refused_and_the_shortest_is_not(measured, metric, least):
    assert measured(PICTURES[metric](), flat(range(least)))
    with pytest.raises(SpecError, match=f"cannot be measured on {least - 1} frames?: it needs {least}"):
        PICTURES[metric]().begin(Footage(frames=least - 1, width=8, height=8, fps=8))


@pytest.mark.parametrize("metric", PICTURES)
def test_begun_again_it_knows_nothing_of_the_clip_before(measured, noise, metric):
    part = PICTURES[metric]()
    fresh = measured(part, noise)
    measured(part, jumping(noise)[::-1])
    assert measured(part, noise) == fresh
