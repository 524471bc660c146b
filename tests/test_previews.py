"""Previews: the map of colours is found again, and the pictures are those of the latents."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

from vstar_sdk.previews import CLIPS, Palette, Preview, sums_of


@pytest.fixture
def world():
    """Latents, and a decoder that is linear."""
    random = np.random.default_rng(0)
    latents = random.normal(size=(4, 5, 6, 8)).astype(np.float32)
    colours = np.concatenate([random.normal(size=(4, 3)) * 8, np.full((1, 3), 128.0)]).astype(np.float32)
    return latents, colours


class Decoder:
    """Linear in what it is given, and keeps it."""

    def __init__(self, colours):
        self.colours, self.asked = colours, []

    def __call__(self, latents):
        self.asked.append(latents)
        yield Preview(latents, self.colours).frames()[0].repeat(8, 0).repeat(8, 1)


def test_a_linear_decoder_is_found_exactly(world):
    latents, colours = world
    fitted = sums_of(latents, Decoder(colours)).colours()
    np.testing.assert_allclose(fitted, colours, atol=0.3)  # pixels are whole numbers
    assert Preview(latents, fitted).frames().shape == (5, 6, 8, 3)


def test_one_frame_is_decoded_that_goes_through_the_clip(world):
    latents, colours = world
    decoder = Decoder(colours)
    sums_of(latents, decoder)
    (mosaic,) = decoder.asked
    assert mosaic.shape == (4, 1, 6, 8)
    for column, frame in enumerate((0, 1, 1, 2, 2, 3, 3, 4)):
        assert np.array_equal(mosaic[:, 0, :, column], latents[:, frame, :, column])
    sums_of(latents[:, :1], decoder)
    assert np.array_equal(decoder.asked[1], latents[:, :1])


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


def test_a_model_learns_from_the_middle_of_its_first_clips(world):
    latents, colours = world
    decoder, kept = Decoder(colours), []
    palette = Palette(keep=kept.append)
    first = palette.fitted(0.1, latents, decoder)
    assert palette.fitted(0.4, latents, decoder) is first
    assert (len(decoder.asked), kept) == (1, [])
    for clip in range(1, CLIPS + 3):
        for done in (0.1, 0.4, 0.6, 0.7, 1.0):
            palette.fitted(done, latents, decoder)
        assert len(decoder.asked) == 1 + min(clip, CLIPS)
    assert [sums.clips for sums in kept] == list(range(1, CLIPS + 1))


def test_what_is_known_counts_from_the_first_step(world):
    latents, colours = world
    sums = sums_of(latents, Decoder(colours))
    for _ in range(CLIPS - 1):
        sums = sums + sums_of(latents, Decoder(colours))
    decoder = Decoder(-colours)
    for done in (0.1, 0.6, 1.0):
        np.testing.assert_allclose(Palette(sums).fitted(done, latents, decoder), colours, atol=0.3)
    assert decoder.asked == []


def test_more_clips_tell_what_one_does_not():
    """A channel that is still in a clip is known from another."""
    colours = np.concatenate([np.eye(3) * 20, np.full((1, 3), 100.0)]).astype(np.float32)
    clips = np.random.default_rng(1).normal(size=(2, 3, 2, 4, 4)).astype(np.float32)
    clips[0, 2] = 0
    palette = Palette()
    palette.fitted(1.0, clips[0], Decoder(colours))
    palette.fitted(0.1, clips[1], Decoder(colours))
    np.testing.assert_allclose(palette.fitted(1.0, clips[1], Decoder(colours)), colours, atol=0.5)
