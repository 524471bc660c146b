from __future__ import annotations

import pytest
from pydantic import ValidationError

from vstar_sdk.output.contact_sheet import ContactSheetOptions
from vstar_sdk.output.frames import FramesOptions
from vstar_sdk.output.gif import GifOptions
from vstar_sdk.output.mp4 import Mp4Options
from vstar_sdk.output.path import artifact_path


@pytest.mark.parametrize(("written", "read"), [("video.mp4", "video.mp4"), ("./drafts//video.mp4", "drafts/video.mp4")])
def test_a_relative_path_is_taken_and_tidied(written: str, read: str):
    assert Mp4Options(path=written).path == read


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("/etc/video.mp4", "leaves the run directory"),
        ("../video.mp4", "leaves the run directory"),
        ("drafts/../../video.mp4", "leaves the run directory"),
        ("", "has no file name"),
        (".", "has no file name"),
        (".video.mp4", "begins with '.'"),
        (".hidden/video.mp4", "begins with '.'"),
        ("drafts/ video.mp4", "space"),
        ("drafts\\video.mp4", "some systems do not support"),
        ("c:video.mp4", "some systems do not support"),
        ("video\0.mp4", "some systems do not support"),
        ("http://host/video.mp4", "some systems do not support"),
    ],
)
def test_a_path_that_is_no_plain_name_inside_the_run_directory_is_refused(written: str, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        artifact_path(written)
    with pytest.raises(ValidationError, match=complaint):
        Mp4Options(path=written)


@pytest.mark.parametrize(
    ("options", "path"),
    [(Mp4Options, "video.mov"), (GifOptions, "video"), (ContactSheetOptions, "sheet.jpg"), (FramesOptions, "frames.zip")],
)
def test_a_suffix_that_does_not_fit_the_format_is_refused(options: type, path: str):
    with pytest.raises(ValidationError, match="does not fit the format"):
        options(path=path)


def test_upper_case_suffixes_and_a_trailing_slash_are_fine():
    assert Mp4Options(path="FILM.MP4").path == "FILM.MP4"
    assert FramesOptions(path="stills/").path == "stills"


@pytest.mark.parametrize("options", [Mp4Options, GifOptions, ContactSheetOptions, FramesOptions])
def test_defaults_are_valid_and_unknown_keys_are_not(options: type):
    assert options(path=options().path) == options()
    with pytest.raises(ValidationError):
        options(pathh="x")
