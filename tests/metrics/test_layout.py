"""``layout`` sees that edges move, and not that light changes."""

from __future__ import annotations

import numpy as np
import pytest

from vstar_sdk import Options
from vstar_sdk.metrics.layout import Layout
from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.world import scene


def picture(seed: int) -> np.ndarray:
    """Grey blocks of 8 pixels, ``(64, 64, 3)``, levels 60 to 180."""
    grey = np.random.default_rng(seed).integers(60, 180, (8, 8))
    return np.repeat(grey.repeat(8, 0).repeat(8, 1)[..., None], 3, axis=-1).astype(float)


def clip(frames) -> np.ndarray:
    return np.rint(np.stack(list(frames))).astype(np.uint8)


STILL = clip(picture(0) for _ in range(16))
LIT = clip(20 + picture(0) * light for light in np.linspace(0.4, 1.2, 16))
INVERTED = clip(picture(0) if t < 8 else 255 - picture(0) for t in range(16))
DRIFTING = clip((1 - w) * picture(0) + w * picture(1) for w in np.linspace(0, 1, 16))
OTHER = clip(picture(0 if t < 8 else 1) for t in range(16))


def layout(measured, frames) -> float:
    return measured(Layout(Options()), frames)["layout"]


def test_a_still_layout_has_one_whatever_the_light_and_a_drift_has_less(measured):
    assert layout(measured, STILL) == pytest.approx(1, abs=1e-12)
    assert layout(measured, LIT) == pytest.approx(1, abs=0.01)
    assert layout(measured, INVERTED) == pytest.approx(1, abs=0.01)
    assert layout(measured, OTHER) < 0.5
    assert layout(measured, OTHER) < layout(measured, DRIFTING) < 0.95


def test_edges_at_right_angles_are_opposites(measured):
    ramp = np.repeat(np.repeat(np.arange(64.0)[:, None], 64, 1)[..., None], 3, -1)
    assert layout(measured, clip([ramp] * 2 + [ramp.transpose(1, 0, 2)] * 2)) == pytest.approx(-1)
    assert layout(measured, clip([ramp] * 2 + [ramp * 0] * 2)) == 0


def test_it_is_its_formula(measured):
    frames = np.random.default_rng(3).integers(0, 256, (7, 64, 64, 1), dtype=np.uint8).repeat(3, -1)
    quarters = [np.zeros((16, 16), complex) for _ in range(4)]
    for t, frame in enumerate(frames[..., 0].astype(float)):
        for y in range(64):
            for x in range(64):
                left, right, up, down = max(x - 1, 0), min(x + 1, 63), max(y - 1, 0), min(y + 1, 63)
                g = (frame[y, right] - frame[y, left]) / (right - left) + 1j * (frame[down, x] - frame[up, x]) / (down - up)
                quarters[4 * t // 7][y // 4, x // 4] += g**2 / abs(g) ** 1.5 if g else 0

    def s(a, b):
        return (a.conj() * b).sum().real / np.linalg.norm(a) / np.linalg.norm(b)

    assert layout(measured, frames) == pytest.approx((s(quarters[0], quarters[2]) + s(quarters[1], quarters[3])) / 2)


@pytest.mark.parametrize("family", ["landscape", *(pytest.param(name, marks=pytest.mark.slow) for name in ("beach", "city"))])
def test_a_story_of_the_world_keeps_its_layout_and_one_whose_layout_drifts_does_not(measured, family):
    stages, clock, still = np.linspace(0, 0.75 if families()[family].cyclic else 1, 32), np.arange(32.0), np.zeros(32)
    share = np.linspace(0, 1, 32)[:, None, None, None]
    kept, drifted = [], []
    for seed in range(4):
        one, other = (scene(family, layout).render(stages, clock, still) for layout in (seed, seed + 100))
        kept.append(layout(measured, one))
        drifted.append(layout(measured, clip((1 - share) * one + share * other)))
    assert np.mean(kept) > np.mean(drifted) + 0.05
    assert sum(a > b for a, b in zip(kept, drifted, strict=True)) >= 3
