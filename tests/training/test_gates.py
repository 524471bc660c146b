"""The gates of the joint sibling: what they measure, and what they let through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.gates import Clip, gates, prompt_of, repetition
from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.reader import read
from vstar_sdk.miniworld.world import scene


def story(stages: np.ndarray) -> np.ndarray:
    count = len(stages)
    return scene("volcano", 3).render(stages, np.arange(count) * 1.0, np.zeros(count))


def test_a_story_that_starts_again_repeats_itself_at_its_period_and_one_told_once_does_not():
    again, lag = repetition(story(np.arange(64) % 29 / 29))
    assert again > 0.8
    assert lag == 29
    once, _ = repetition(story(np.linspace(0, 1, 64)))
    assert once < 0.3


def test_a_still_clip_repeats_nothing():
    assert repetition(np.full((64, 64, 64, 3), 9, np.uint8)) == (0.0, 0)


def test_repetition_is_its_formula():
    """On a clip of two grey levels by turns of 10 frames: at lag 20 all is as it was."""
    clip = np.where(np.arange(64) // 10 % 2, 200, 100).astype(np.uint8)[:, None, None, None] * np.ones((16, 16, 3), np.uint8)
    levels = np.where(np.arange(64) // 10 % 2, 200.0, 100.0)
    y = levels - levels.mean()
    expected = (y[:-20] * y[20:]).mean() / np.sqrt((y[:-20] ** 2).mean() * (y[20:] ** 2).mean())
    assert repetition(clip) == (pytest.approx(expected), 20)


@pytest.mark.parametrize("family", families().values(), ids=lambda family: family.name)
def test_every_family_has_a_prompt_that_tells_its_usual_change(family):
    reading, usual = read(prompt_of(family, 1)), family.arcs[0]
    assert (reading.family, reading.start) == (family.name, family.key(usual.start).at)
    assert reading.end % (1 if family.cyclic else 2) == family.key(usual.end).at


GOOD = [Clip("beach", n, 16, "none", 0.1, 0.95, 1.0, 0.0, 0, 0.9) for n in range(10)] + [
    Clip("beach", n, 64, "none", 0.3, -0.1, 1.0, 0.93, 30, 0.8) for n in range(4)
]


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ({}, ()),
        ({16: {"order": 0.8}}, (0,)),
        ({64: {"order": 0.9}}, (1,)),
        ({64: {"repetition": 0.5}}, (2,)),
        ({64: {"lag": 20}}, (2,)),
    ],
    ids=str,
)
def test_the_gates_hold_what_is_asked(change, fails):
    changed = [replace(clip, **change.get(clip.frames, {})) for clip in GOOD]
    assert tuple(place for place, (_, _, held) in enumerate(gates(changed)) if not held) == fails


def test_one_clip_of_ten_may_be_out_of_order_and_two_may_not():
    for out, held in ((1, True), (2, False)):
        changed = [replace(clip, order=0.2) if clip.frames == 16 and clip.seed < out else clip for clip in GOOD]
        assert gates(changed)[0][2] is held
