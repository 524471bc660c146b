"""Videos of strangers: their frames one by one, within bounds, and no other file than the one that is named."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from vstar_sdk.errors import SpecError
from vstar_sdk.reading import videos
from vstar_sdk.reading.videos import look_at_video

FRAMES = np.stack([np.full((16, 32, 3), 40 * at, np.uint8) for at in range(6)])


def written(path, frames=FRAMES, rate=12):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "rgb24"
        stream.options = {"qp": "0"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_its_frames_come_one_by_one_as_they_are(tmp_path):
    video = look_at_video(written(tmp_path / "a.mkv"))
    assert (video.size, video.fps, video.frames) == ((32, 16), 12.0, 6)
    assert np.array_equal(np.stack(list(video.read(0, 6))), FRAMES)
    assert np.array_equal(np.stack(list(video.read(2, 3))), FRAMES[2:5])


def test_no_more_are_counted_than_are_asked_for(tmp_path):
    assert look_at_video(written(tmp_path / "a.mkv"), 4).frames == 4


def test_an_animated_picture_is_a_video(tmp_path):
    own = [Image.fromarray(frame) for frame in FRAMES]
    own[0].save(tmp_path / "a.gif", save_all=True, append_images=own[1:], duration=100)
    video = look_at_video(tmp_path / "a.gif")
    assert (video.frames, video.fps) == (6, 10.0)
    assert np.array_equal(np.stack(list(video.read(0, 6))), FRAMES)


def test_a_phones_video_is_turned_upright(tmp_path):
    frames = np.zeros((2, 16, 32, 3), np.uint8)
    frames[:, :, 16:] = 255
    path = written(tmp_path / "a.mp4", frames)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 4 * 5 + 16  # the matrix of the track's header
    matrix = (0, 1 << 16, 0, -(1 << 16) & 0xFFFFFFFF, 0, 0, 0, 0, 1 << 30)  # a quarter turn clockwise when shown
    data[at : at + 36] = b"".join(value.to_bytes(4, "big") for value in matrix)
    path.write_bytes(data)
    video = look_at_video(path)
    assert video.size == (16, 32)
    assert np.array_equal(next(video.read(0, 1)), np.rot90(frames[0], -1))


def playlist(path):
    written(path.with_name("secret.mp4"))
    path.write_text("#EXTM3U\n#EXTINF:1,\nsecret.mp4\n")


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("a.mp4", playlist, "cannot be read"),
        ("a.m3u8", playlist, "its name must end in one of mp4"),
        ("a.mp4", lambda path: path.write_bytes(b""), "cannot be read"),
        ("a.mp4", lambda path: None, "No such file"),
        ("a.mp4", lambda path: path.mkdir(), "it is a folder"),
    ],
    ids=["playlist", "by-name", "empty", "nothing", "folder"],
)
def test_what_is_no_video_is_refused_by_its_name(tmp_path, name, write, words):
    write(tmp_path / name)
    with pytest.raises(SpecError, match=rf"the video .*{name}.* {words}|the video .*{name}: {words}"):
        look_at_video(tmp_path / name)


def test_bounds(tmp_path, monkeypatch):
    path = written(tmp_path / "a.mkv")
    monkeypatch.setattr(videos, "MOST_PIXELS", 500)
    with pytest.raises(SpecError, match="has frames of 32x16: at most 500 pixels are read"):
        look_at_video(path)
    monkeypatch.setattr(videos, "MOST_BYTES", 10)
    with pytest.raises(SpecError, match="at most 10 are read"):
        look_at_video(path)


def test_a_frame_larger_than_its_file_says_is_not_unpacked(tmp_path):
    """The decoder refuses it, before it makes room."""
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=8)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuvj420p"
        for size in (16, 128):
            codec = av.CodecContext.create("mjpeg", "w")
            codec.width, codec.height, codec.pix_fmt, codec.time_base = size, size, "yuvj420p", Fraction(1, 8)
            frame = av.VideoFrame.from_ndarray(np.zeros((size, size, 3), np.uint8), format="rgb24").reformat(format="yuvj420p")
            for packet in codec.encode(frame):
                packet.stream = stream
                container.mux(packet)
    with pytest.raises(SpecError, match="changes its size"):
        look_at_video(path)
    with pytest.raises(SpecError, match="cannot be read"):
        look_at_video(path, pixels=16 * 16)


def test_a_video_that_was_changed_since_is_told(tmp_path):
    video = look_at_video(written(tmp_path / "a.mkv"))
    written(tmp_path / "a.mkv", FRAMES[::-1])
    with pytest.raises(SpecError, match=r"a\.mkv was changed after the run was planned"):
        list(video.read(0, 1))
