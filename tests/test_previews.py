"""Previews: the map of colours is found again, and the pictures are those of the latents."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

from vstar_sdk.previews import Palette, Preview, fit_colours


@pytest.fixture
def world():
    """Latents, and a decoder that is linear."""
    random = np.random.default_rng(0)
    latents = random.normal(size=(4, 5, 6, 8)).astype(np.float32)
    colours = np.concatenate([random.normal(size=(4, 3)) * 8, np.full((1, 3), 128.0)]).astype(np.float32)
    return latents, colours


def test_a_linear_decoder_is_found_exactly(world):
    latents, colours = world

    def decode(index):
        small = Preview(latents[:, index : index + 1], colours).frames()[0]
        yield small.repeat(8, 0).repeat(8, 1)

    fitted = fit_colours(latents, decode)
    np.testing.assert_allclose(fitted, colours, atol=0.2)  # pixels are whole numbers
    assert Preview(latents, fitted).frames().shape == (5, 6, 8, 3)


def test_three_frames_are_decoded_and_each_once(world):
    latents, _ = world
    asked = []

    def decode(index):
        asked.append(index)
        yield np.zeros((48, 64, 3), np.uint8)

    fit_colours(latents, decode)
    assert asked == [0, 2, 4]
    asked.clear()
    fit_colours(latents[:, :1], decode)
    assert asked == [0]


def test_a_preview_can_be_pickled_and_saved(world, tmp_path):
    preview = Preview(*world)
    again = pickle.loads(pickle.dumps(preview))  # noqa: S301
    assert np.array_equal(again.frames(), preview.frames())
    preview.save(tmp_path / "step.gif", scale=3)
    with Image.open(tmp_path / "step.gif") as picture:
        assert picture.size == (24, 18)
        assert getattr(picture, "n_frames", 1) == 5


def test_colours_beyond_the_range_are_cut_off():
    colours = np.array([[1000.0] * 3, [0.0] * 3], np.float32)
    frames = Preview(np.array([[[[-1.0, 1.0]]]], np.float32), colours).frames()
    assert frames[0, 0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_a_model_keeps_its_colours_once_a_clip_was_half_clear(world):
    latents, colours = world
    asked = []

    def decode(index):
        asked.append(index)
        yield Preview(latents[:, index : index + 1], colours).frames()[0].repeat(8, 0).repeat(8, 1)

    palette = Palette()
    first = palette.fitted(0.1, latents, decode)
    assert palette.fitted(0.4, latents, decode) is first
    assert len(asked) == 3
    final = palette.fitted(0.6, latents, decode)
    assert len(asked) == 6
    for done in (0.1, 0.7, 1.0):
        assert palette.fitted(done, latents, decode) is final
    assert len(asked) == 6
