"""Frames as a person writes them."""

import pytest

from vstar_sdk.frame_ranges import as_ranges, frames_in


@pytest.mark.parametrize(
    ("written", "frames"),
    [
        (0, [0]),
        ("5", [5]),
        ("0-3", [0, 1, 2, 3]),
        ("6 - 7, 0-1,1", [0, 1, 6, 7]),
        ("0s-1s", [0, 1, 2, 3]),
        ("50%-100%", [4, 5, 6, 7]),
        (".5s-6", [2, 3, 4, 5, 6]),
        ("1s", [4]),
    ],
)
def test_ranges_mean_frames(written, frames):
    assert frames_in(written, frames=8, fps=4) == tuple(frames)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("8", "names frame 8, but the last one is 7"),
        ("0-8", "names frame 8"),
        ("0-999999999", "names frame 999999999"),
        ("3-2", "a range from frame 3 to 2 is empty"),
        ("2s-2s", "is empty"),
        ("0.5-2", "a frame is a whole number"),
        ("", "not a range of frames"),
        ("1-2-3", "not a range of frames"),
        ("-3", "not a range of frames"),
        ("all", "not a range of frames: write frames: 12, '0-31'"),
    ],
)
def test_what_means_none_is_told(written, words):
    with pytest.raises(ValueError, match=words):
        frames_in(written, frames=8, fps=4)


@pytest.mark.parametrize(("frames", "written"), [([], ""), ([3], "3"), ([0, 1, 2, 5, 7, 8], "0-2, 5, 7-8"), ([8, 7], "7-8")])
def test_frames_are_written_as_ranges(frames, written):
    assert as_ranges(frames) == written
