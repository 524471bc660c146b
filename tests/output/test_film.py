"""What was written is read again, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from tests.output.conftest import SPEC
from vstar_sdk.errors import SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.output.film import film
from vstar_sdk.output.frames import Frames, FramesOptions
from vstar_sdk.output.mp4 import Mp4, Mp4Options


def test_pngs_are_read_as_they_were_written(export, make_clip, tmp_path):
    written = export(Frames(FramesOptions()), make_clip(frames=11, width=20, height=12))
    found = film(tmp_path / "frames", fps=12.0)
    assert found.footage == Footage(frames=11, width=20, height=12, fps=12.0)
    assert found.spec is None
    assert all((one == other).all() for one, other in zip(found.frames(), written, strict=True))


def test_an_mp4_is_read_with_its_numbers_its_colours_and_its_spec(export, make_clip, tmp_path):
    written = export(Mp4(Mp4Options(scale=1, quality=1)), make_clip(frames=9, fps=24.0))
    found = film(tmp_path / "video.mp4")
    assert found.footage == Footage(frames=9, width=64, height=64, fps=24.0)
    assert found.spec == SPEC
    for one, other in zip(found.frames(), written, strict=True):
        assert np.abs(one.astype(int) - other).mean() < 1.5


def test_a_film_that_ends_early_is_damaged_not_shorter(export, make_clip, tmp_path):
    export(Frames(FramesOptions()), make_clip(frames=4))
    found = film(tmp_path / "frames")
    (tmp_path / "frames" / "0003.png").unlink()
    with pytest.raises(SpecError, match="only 3 of 4 frames can be read"):
        list(found.frames())
    (tmp_path / "frames" / "0001.png").write_bytes(b"no picture")
    with pytest.raises(SpecError, match="cannot identify image file"):
        list(found.frames())


def test_frames_of_another_size_are_told(export, make_clip, tmp_path):
    export(Frames(FramesOptions()), make_clip(frames=2))
    export(Frames(FramesOptions(path="other")), make_clip(frames=3, width=32))
    (tmp_path / "other" / "0002.png").rename(tmp_path / "frames" / "0002.png")
    with pytest.raises(SpecError, match="frame 2 is 32x64"):
        list(film(tmp_path / "frames").frames())


@pytest.mark.parametrize("what", ["a text", "an empty folder", "nothing", "cut"])
def test_what_is_no_film_is_refused(export, make_clip, tmp_path, what):
    path = tmp_path / "it.mp4"
    if what == "a text":
        path.write_text("prompt: a kite")
    elif what == "an empty folder":
        path.mkdir()
    elif what == "cut":
        export(Mp4(Mp4Options()), make_clip())
        path.write_bytes((tmp_path / "video.mp4").read_bytes()[:700])
    with pytest.raises(SpecError, match=str(path)):
        list(film(path).frames())
