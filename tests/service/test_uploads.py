"""Pictures that are bombs, broken, or hold more than pixels."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from tests.service.conftest import LIMITS
from vstar_sdk.service.refusals import Refusal
from vstar_sdk.service.uploads import picture


def png(width, height, data=b""):
    """A PNG that says that it has a size, whatever it has."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked():
    for width, height in ((60_000, 60_000), (2**31 - 1, 1), (257, 256)):
        with pytest.raises(Refusal) as refused:
            picture(png(width, height), LIMITS)
        assert refused.value.status in (400, 413)


def test_a_picture_that_holds_more_than_it_says_or_less_is_refused_or_small():
    assert Image.open(io.BytesIO(picture(png(4, 4, b"\0" * 10_000_000), LIMITS))).size == (4, 4)
    for content in (png(4, 4, b"\0"), b"\x89PNG\r\n\x1a\n", b"GIF89a", b"<svg/>", b"", b"\xff\xd8\xff\xe0"):
        with pytest.raises(Refusal, match="not a whole picture"):
            picture(content, LIMITS)
    with pytest.raises(Refusal, match="larger than"):
        picture(b"x" * ((1 << 15) + 1), LIMITS)


def test_nothing_but_pixels_is_left_of_a_picture():
    written = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    exif[0x0112] = 6  # turned
    Image.new("RGB", (8, 4), "red").save(written, "JPEG", exif=exif, comment=b"where I live")
    made = picture(written.getvalue(), LIMITS)
    assert b"where I live" in written.getvalue()
    assert b"where I live" not in made
    assert Image.open(io.BytesIO(made)).size == (4, 8)


def test_an_uploaded_picture_is_what_the_video_begins_with(waiting):
    files = {"prompt": (None, "a volcano wakes up"), "input_reference": ("../../x.png", png(4, 4, b"\0" * 52))}
    answer = waiting.post("/v1/videos", files=files)
    assert answer.status_code == 200
    assert "first: input.png" in waiting.get(f"/v1/runs/{answer.json()['id']}/spec").text
    bomb = waiting.post("/v1/videos", files=files | {"input_reference": ("x.png", png(60_000, 60_000))})
    assert (bomb.status_code, bomb.json()["error"]["code"]) == (413, "upload_too_large")
