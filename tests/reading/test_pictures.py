"""Pictures of strangers: upright, opaque, within bounds; and how they are fitted."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vstar_sdk.errors import SpecError
from vstar_sdk.reading import pictures
from vstar_sdk.reading.fitting import Fitting
from vstar_sdk.reading.pictures import read_picture

RAMP = (np.arange(6 * 4 * 3, dtype=np.uint8) * 3).reshape(4, 6, 3)
"""Six pixels wide, four high, all different."""


def saved(path, picture: Any = RAMP, **options):
    Image.fromarray(picture).save(path, **options)
    return path


def test_a_picture_is_read_as_it_is(tmp_path):
    path = saved(tmp_path / "a.png")
    picture, pixels = read_picture(path)
    assert np.array_equal(pixels, RAMP)
    assert (picture.size, picture.turned) == ((6, 4), False)
    assert picture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [(3, lambda p: p[::-1, ::-1]), (6, lambda p: np.rot90(p, -1)), (8, np.rot90), (2, lambda p: p[:, ::-1])],
)
def test_it_is_turned_as_its_camera_says(tmp_path, orientation, upright):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture, pixels = read_picture(saved(tmp_path / "a.png", exif=exif))
    assert np.array_equal(pixels, upright(RAMP))
    assert (picture.size, picture.turned) == (upright(RAMP).shape[1::-1], True)


def test_grey_and_opaque_alpha_become_rgb(tmp_path):
    grey = read_picture(saved(tmp_path / "grey.png", RAMP[..., 0]))[1]
    assert np.array_equal(grey, np.repeat(RAMP[..., :1], 3, axis=2))
    whole = np.concatenate([RAMP, np.full((4, 6, 1), 255, np.uint8)], axis=2)
    assert np.array_equal(read_picture(saved(tmp_path / "alpha.png", whole))[1], RAMP)


def transparent(path):
    saved(path, np.concatenate([RAMP, np.full((4, 6, 1), 254, np.uint8)], axis=2))


def animated(path):
    Image.fromarray(RAMP).save(path, save_all=True, append_images=[Image.fromarray(RAMP[::-1].copy())])


def halved(path):
    saved(path, np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:3000])


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (transparent, "is transparent in places"),
        (animated, "is animated: 2 frames"),
        (halved, "is damaged"),
        (lambda path: path.write_bytes(b"<svg/>"), "has a format that is not read"),
        (lambda path: Image.new("CMYK", (4, 4)).save(path, "JPEG"), "colours of the kind CMYK"),
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: None, "No such file"),
    ],
    ids=["transparent", "animated", "damaged", "svg", "cmyk", "folder", "nothing"],
)
def test_what_is_no_plain_picture_is_refused_by_its_name(tmp_path, write, words):
    write(tmp_path / "a.png")
    with pytest.raises(SpecError, match=rf"the picture .*a\.png.* {words}"):
        read_picture(tmp_path / "a.png")


def test_bounds_hold_before_pixels_are_decoded(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", np.zeros((5000, 5000), np.uint8))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(pictures, "MOST_PIXELS", 24_000_000)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(SpecError, match="has 5000x5000 pixels: at most 24 million are read"):
        read_picture(path)
    monkeypatch.setattr(pictures, "MOST_BYTES", 1000)
    with pytest.raises(SpecError, match="holds more than"):
        read_picture(path)


def test_the_middle_of_the_wanted_shape_is_taken():
    fitting = Fitting.of((1920, 1080), (96, 64), "crop")
    assert fitting.box == (150, 0, 1770, 1080)
    assert fitting.words() == "1920x1080, cropped to 1620x1080 from x 150, y 0, resized to 96x64"
    assert Fitting.of((100, 300), (50, 50), "crop").box == (0, 100, 100, 200)
    assert Fitting.of((1920, 1080), (96, 64), "stretch").box == (0, 0, 1920, 1080)


def test_a_picture_that_fits_is_not_resampled():
    fitting = Fitting.of((6, 4), (6, 4), "crop")
    assert np.array_equal(fitting(RAMP), RAMP)
    assert fitting.words() == "6x4 as it is"
    assert np.array_equal(Fitting.of((6, 4), (4, 4), "crop")(RAMP), RAMP[:, 1:5])


def test_flat_pictures_stay_flat_when_resized():
    flat = np.full((30, 50, 3), (10, 200, 90), np.uint8)
    fitted = Fitting.of((50, 30), (16, 24), "stretch")(flat)
    assert fitted.shape == (24, 16, 3)
    assert np.array_equal(np.unique(fitted.reshape(-1, 3), axis=0), [[10, 200, 90]])


def test_a_picture_that_was_changed_since_is_told(tmp_path):
    picture, _ = read_picture(saved(tmp_path / "a.png"))
    saved(tmp_path / "a.png", RAMP[::-1].copy())
    with pytest.raises(SpecError, match=r"a\.png was changed after the run was planned"):
        picture.read()
