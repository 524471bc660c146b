"""The procedural world."""

from itertools import pairwise

import numpy as np
import pytest

from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.world import scene, scenes

STAGES = np.linspace(0, 1, 4)
NAMES = list(scenes())


def test_every_scene_has_its_captions_and_every_caption_its_scene() -> None:
    assert set(scenes()) == set(families())


@pytest.mark.parametrize("name", NAMES)
def test_renders_frames_of_the_promised_shape(name: str) -> None:
    frames = scene(name, 1).render(STAGES, np.arange(4.0))
    assert frames.shape == (4, 64, 64, 3)
    assert frames.dtype == np.uint8
    assert np.ptp(frames) > 100


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_fixes_the_picture(name: str) -> None:
    first, again, other = (scene(name, seed).render(STAGES, np.arange(4.0)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_does_not_depend_on_its_neighbours(name: str) -> None:
    clock, pan = np.arange(4) * 5.0, np.arange(4) * (9.0 if families()[name].pans else 0.0)
    together = scene(name, 5).render(STAGES, clock, pan)
    alone = np.concatenate([scene(name, 5).render(STAGES[i : i + 1], clock[i : i + 1], pan[i : i + 1]) for i in range(4)])
    assert np.abs(together.astype(int) - alone).max() <= 8


@pytest.mark.parametrize("name", NAMES)
def test_drawn_twice_as_large_it_is_the_same_picture_with_finer_edges(name: str) -> None:
    pan = np.arange(4) * (9.0 if families()[name].pans else 0.0)
    own, large = (scene(name, 5).render(STAGES, np.arange(4) * 5.0, pan, scale=scale).astype(float) for scale in (1, 2))
    assert large.shape == (4, 128, 128, 3)
    means = large.reshape(4, 64, 2, 64, 2, 3).mean((2, 4))
    assert ((means - own) ** 2).mean() < 255**2 / 10**3.5  # 35 dB
    steepest = [np.abs(np.diff(frames, axis=2)).max() for frames in (large, own.repeat(2, 1).repeat(2, 2))]
    blurred = np.abs(np.diff((own.repeat(2, 2)[:, :, 1:] + own.repeat(2, 2)[:, :, :-1]) / 2, axis=2)).max()
    assert steepest[0] > 1.3 * blurred


@pytest.mark.parametrize("name", NAMES)
def test_key_stages_look_different(name: str) -> None:
    keys = np.array([key.at for key in families()[name].keys])
    frames = scene(name, 2).render(keys, np.zeros(len(keys))).astype(float)
    for a, b in pairwise(frames):
        assert np.abs(a - b).mean() > 4


@pytest.mark.parametrize("name", [name for name in NAMES if families()[name].cyclic])
def test_a_cyclic_family_ends_where_it_begins(name: str) -> None:
    frames = scene(name, 6).render(np.array([0.0, 1.0]), np.zeros(2))
    assert np.array_equal(frames[0], frames[1])


@pytest.mark.parametrize("name", [name for name in NAMES if families()[name].pans])
def test_a_pan_to_the_right_moves_the_picture_to_the_left(name: str) -> None:
    frames = scene(name, 7).render(np.full(2, 0.5), np.zeros(2), np.array([0.0, 4.0])).astype(float)
    ground = frames[:, 44:60]
    right = np.abs(ground[1][:, :-4] - ground[0][:, 4:]).mean()
    left = np.abs(ground[1][:, 4:] - ground[0][:, :-4]).mean()
    assert right < left


@pytest.mark.parametrize("name", [name for name in NAMES if families()[name].colours])
def test_a_scene_has_a_colour_that_its_family_knows(name: str) -> None:
    seen = {scene(name, seed).colour for seed in range(60)}
    assert seen == set(families()[name].colours)


def test_an_unknown_family_is_an_error() -> None:
    with pytest.raises(KeyError):
        scene("dragon", 0)
