"""Pictures and videos that are bombs, broken, or hold more than pixels; and the form that brings them."""

from __future__ import annotations

import io
import json
import struct
import zlib

import pytest
from PIL import Image

from tests.service.conftest import LIMITS, STORY, clip, wait_for
from vstar_sdk.service.refusals import Refusal
from vstar_sdk.service.uploads import begun_with, picture, video
from vstar_sdk.spec.document import Document


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
    for content in (png(4, 4, b"\0"), b"\x89PNG\r\n\x1a\n", b"<svg/>", b"", b"\xff\xd8\xff\xe0"):
        with pytest.raises(Refusal, match="not a whole picture"):
            picture(content, LIMITS)
    with pytest.raises(Refusal, match="larger than"):
        begun_with(Document({}), {"first": b"x" * ((1 << 15) + 1)}, LIMITS)


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
    assert "first: first.png" in waiting.get(f"/v1/runs/{answer.json()['id']}/spec").text
    bomb = waiting.post("/v1/videos", files=files | {"input_reference": ("x.png", png(60_000, 60_000))})
    assert (bomb.status_code, bomb.json()["error"]["code"]) == (413, "upload_too_large")


def form(spec, **files):
    return {"spec": (None, json.dumps(spec))} | {name: ("../../x", content) for name, content in files.items()}


@pytest.mark.parametrize("end", ["mp4", "mkv"])
def test_an_uploaded_video_is_what_the_video_continues(waiting, end):
    content = clip(end=end)
    answer = waiting.post("/v1/videos", files={"prompt": (None, "a volcano wakes up"), "input_reference": ("x.exe", content)})
    assert answer.status_code == 200, answer.text
    job = answer.json()["id"]
    assert f"clip: clip.{end}" in waiting.get(f"/v1/runs/{job}/spec").text
    assert waiting.get(f"/v1/runs/{job}/start/clip").content == content


def test_a_video_beyond_a_limit_is_refused(waiting):
    few = LIMITS.model_copy(update={"upload_frames": 3})
    assert video(clip(3), ".mp4", few)
    with pytest.raises(Refusal, match="more frames than 3") as refused:
        video(clip(4), ".mp4", few)
    assert refused.value.status == 413
    with pytest.raises(Refusal, match="at most 1,024 pixels"):
        video(clip(1, (64, 64)), ".mp4", LIMITS.model_copy(update={"upload_pixels": 1024}))
    large = waiting.post("/v1/videos", files={"prompt": (None, "x"), "input_reference": ("x", clip(1) + b"x" * (1 << 15))})
    assert (large.status_code, large.json()["error"]["code"]) == (413, "upload_too_large")


@pytest.mark.parametrize("content", [b"\x1a\x45\xdf\xa3", b"GIF89a", b"\0\0\0\x18ftypmp42", clip()[:200]])
def test_a_video_that_is_none_is_refused_and_no_path_is_told(waiting, content):
    answer = waiting.post("/v1/videos", files={"prompt": (None, "x"), "input_reference": ("x.mp4", content)})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_upload", "input_reference")
    assert "/" not in error["message"]


def test_a_video_longer_than_the_new_one_says_so(waiting):
    fields = {"prompt": (None, "a volcano"), "num_frames": (None, "4"), "input_reference": ("x", clip(6))}
    long = waiting.post("/v1/videos", files=fields)
    assert long.status_code == 400
    assert "more frames than the 4" in long.json()["error"]["message"]
    cut = json.dumps({"start": {"clip_frames": "1-2"}})
    assert waiting.post("/v1/videos", files=fields | {"extra_params": (None, cut)}).status_code == 200


def test_a_run_begins_and_ends_with_what_a_form_brings(client):
    spec = STORY | {"frames": 6, "start": {"clip_frames": 0}}
    made = client.post("/v1/runs", files=form(spec, clip=clip(), last=png(64, 64, b"\0" * 193 * 64)))
    assert made.status_code == 201, made.text
    job = made.json()["id"]
    assert wait_for(client, job)["state"] == "done"
    start = client.get(f"/v1/runs/{job}/manifest").json()["start"]
    assert [(one["file"], one["frames"]) for one in start] == [("clip.mp4", "0"), ("last.png", "5")]
    assert client.get(f"/v1/runs/{job}/start/first").status_code == 404
    assert client.get(f"/v1/runs/{job}/start/job.json").status_code == 400


def test_a_form_is_planned_without_a_trace(client):
    before = {path.name for path in client.service._shelf.jobs.iterdir()}
    plan = client.post("/v1/plan", files=form(STORY, first=png(64, 64, b"\0" * 193 * 64)))
    assert plan.status_code == 200, plan.text
    assert [(one["key"], one["file"], one["frames"]) for one in plan.json()["start"]] == [("first", "first.png", "0")]
    refused = client.post("/v1/plan", files=form(STORY | {"framse": 1}, first=png(64, 64, b"\0" * 193 * 64)))
    assert refused.status_code == 400
    assert {path.name for path in client.service._shelf.jobs.iterdir()} == before


@pytest.mark.parametrize(
    ("files", "word"),
    [
        (form(STORY, first=clip()), "first takes a picture"),
        (form(STORY, into=png(4, 4)), "into takes a video"),
        (form(STORY, second=png(4, 4)), "second takes no file"),
        (form(STORY) | {"first": (None, "http://127.0.0.1/x.png")}, "nothing from addresses"),
        (form(STORY) | {"frames": (None, "3")}, "the field spec and no other"),
        ({"first": ("x", png(4, 4, b"\0" * 52))}, "the field spec and no other"),
        ({"spec": ("x.json", b"{}")}, "spec takes no file"),
        (form(STORY | {"start": 3}, first=png(4, 4, b"\0" * 52)), "start"),
        (form(STORY | {"start": {"clip": "x.mp4"}}, first=png(4, 4, b"\0" * 52)), "choose one"),
    ],
)
def test_a_form_that_is_wrong_is_refused(waiting, files, word):
    answer = waiting.post("/v1/runs", files=files)
    assert answer.status_code == 400
    assert word in answer.json()["error"]["message"]


def test_a_key_counts_for_the_files_too(waiting):
    black, white = (png(4, 4, (b"\0" + bytes([shade]) * 12) * 4) for shade in (0, 255))
    key = {"Idempotency-Key": "with-files"}
    first = waiting.post("/v1/runs", files=form(STORY, first=black), headers=key)
    again = waiting.post("/v1/runs", files=form(STORY, first=black), headers=key)
    assert first.json()["id"] == again.json()["id"]
    assert waiting.post("/v1/runs", files=form(STORY, first=white), headers=key).status_code == 409
