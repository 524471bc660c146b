from __future__ import annotations

import gc
import weakref
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import Interpolation
from pydantic import ValidationError

from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.output.metadata import read_spec
from vstar_sdk.output.mp4 import Mp4, Mp4Options
from vstar_sdk.output.scale import enlarge
from vstar_sdk.output.writing import Artifacts


def decoded(path: Path):
    """Decoded frames as RGB, and the stream's average rate and duration in seconds."""
    exact = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        frames = [frame.reformat(format="rgb24", interpolation=exact).to_ndarray() for frame in container.decode(stream)]
        return frames, stream.average_rate, stream.duration * stream.time_base


CODECS = ["h264", "av1", "vp9"]


@pytest.mark.parametrize("codec", CODECS)
def test_the_film_has_every_frame_at_its_time(codec, tmp_path, make_clip, export):
    written = export(Mp4(Mp4Options(codec=codec)), make_clip(frames=12, fps=8))
    frames, rate, seconds = decoded(tmp_path / "video.mp4")
    assert (len(frames), rate, seconds) == (12, 8, Fraction(12, 8))
    for frame, original in zip(frames, written, strict=True):
        assert np.abs(frame.astype(float) - enlarge(original, 4)).mean() < 2.5


@pytest.mark.parametrize("codec", CODECS)
def test_colours_come_back_as_they_were(codec, tmp_path, make_clip):
    frame = np.zeros((256, 256, 3), np.uint8)
    frame[:128, :128], frame[:128, 128:], frame[128:, :128], frame[128:, 128:] = (200, 30, 40), (20, 160, 60), (40, 60, 220), 128
    with Artifacts(tmp_path, [("mp4", Mp4(Mp4Options(codec=codec)))], make_clip(frames=3, width=256, height=256)) as artifacts:
        for _ in range(3):
            artifacts.write(frame)
    for picture in decoded(tmp_path / "video.mp4")[0]:
        for y, x in ((64, 64), (64, 192), (192, 64), (192, 192)):
            assert np.abs(picture[y, x].astype(int) - frame[y, x]).max() <= 3


def test_the_file_is_tagged_as_yuv420_bt709_and_begins_with_its_index(tmp_path, make_clip, export):
    export(Mp4(Mp4Options()), make_clip())
    data = (tmp_path / "video.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(tmp_path / "video.mp4") as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [
        ((64, 64), "auto", (256, 256)),
        ((64, 40), "auto", (448, 280)),
        ((63, 65), "auto", (316, 326)),
        ((320, 512), "auto", (320, 512)),
        ((64, 64), 1, (64, 64)),
        ((65, 63), 1, (66, 64)),
        ((65, 63), 2, (130, 126)),
    ],
)
def test_small_clips_grow_by_a_whole_factor_and_odd_sides_by_a_pixel(size, scale, expected, tmp_path, make_clip, export):
    export(Mp4(Mp4Options(scale=scale)), make_clip(frames=2, width=size[0], height=size[1]))
    frames, _, _ = decoded(tmp_path / "video.mp4")
    assert frames[0].shape == (expected[1], expected[0], 3)


def test_an_odd_side_repeats_its_edge(tmp_path, make_clip):
    frame = np.full((33, 33, 3), 200, np.uint8)
    with Artifacts(tmp_path, [("mp4", Mp4(Mp4Options(scale=1)))], make_clip(frames=1, width=33, height=33)) as artifacts:
        artifacts.write(frame)
    (picture,), _, _ = decoded(tmp_path / "video.mp4")
    assert np.abs(picture[-1].astype(int) - 200).max() <= 3
    assert np.abs(picture[:, -1].astype(int) - 200).max() <= 3


@pytest.mark.parametrize(
    ("fps", "rate"), [(12.5, Fraction(25, 2)), (24000 / 1001, Fraction(24000, 1001)), (0.5, Fraction(1, 2)), (60, 60)]
)
def test_the_rate_is_exact(fps, rate, tmp_path, make_clip, export):
    export(Mp4(Mp4Options()), make_clip(frames=5, fps=fps))
    frames, average, seconds = decoded(tmp_path / "video.mp4")
    assert (len(frames), average) == (5, rate)
    assert abs(seconds - 5 / rate) < Fraction(1, 10_000)


@pytest.mark.parametrize("codec", CODECS)
def test_one_frame_is_a_film_too(codec, tmp_path, make_clip, export):
    export(Mp4(Mp4Options(codec=codec)), make_clip(frames=1, fps=8))
    frames, _, seconds = decoded(tmp_path / "video.mp4")
    assert (len(frames), seconds) == (1, Fraction(1, 8))


def test_the_spec_and_the_prompt_are_read_back(tmp_path, make_clip, export):
    clip = make_clip(prompt="a café — at dawn,\n" + "and so on " * 20)
    export(Mp4(Mp4Options()), clip)
    assert read_spec(tmp_path / "video.mp4") == clip.spec
    with av.open(tmp_path / "video.mp4") as container:
        assert container.metadata["comment"] == clip.prompt
        assert container.metadata["title"].startswith("a café — at dawn, and so on")
        assert len(container.metadata["title"]) <= 100


def test_without_metadata_the_file_holds_neither_spec_nor_prompt(tmp_path, make_clip, export):
    clip = make_clip(prompt="the butler did it")
    export(Mp4(Mp4Options(metadata=False)), clip)
    assert read_spec(tmp_path / "video.mp4") is None
    data = (tmp_path / "video.mp4").read_bytes()
    assert b"butler" not in data
    assert b"vstar_spec" not in data


def test_the_same_frames_give_the_same_file(tmp_path, make_clip, export):
    export(Mp4(Mp4Options()), make_clip())
    first = (tmp_path / "video.mp4").read_bytes()
    export(Mp4(Mp4Options()), make_clip())
    assert (tmp_path / "video.mp4").read_bytes() == first


def test_no_frame_is_held(tmp_path, make_clip):
    clip, kept = make_clip(frames=20), []
    with Artifacts(tmp_path, [("mp4", Mp4(Mp4Options(scale=1)))], clip) as artifacts:
        for n in range(clip.frames):
            frame = np.full((64, 64, 3), n, np.uint8)
            kept.append(weakref.ref(frame))
            artifacts.write(frame)
            del frame
        gc.collect()
        assert [reference() for reference in kept] == [None] * clip.frames


def test_quality_trades_bytes_and_its_bounds_are_the_codecs(tmp_path, make_clip, export):
    sizes = []
    for quality in (5, 45):
        export(Mp4(Mp4Options(quality=quality)), make_clip())
        sizes.append((tmp_path / "video.mp4").stat().st_size)
    assert sizes[0] > sizes[1]
    assert Mp4Options(codec="av1", quality=63).quality == 63
    with pytest.raises(ValidationError, match=r"h264 has no quality 63: use 1 \(best\) to 51"):
        Mp4Options(quality=63)
    with pytest.raises(ValidationError, match="vp9 has no quality 0"):
        Mp4Options(codec="vp9", quality=0)


def test_an_encoder_that_is_not_there_is_named_with_those_that_are(tmp_path, make_clip, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", {"libsvtav1"})
    with pytest.raises(OutputError, match="no encoder for h264 ") as caught:
        Artifacts(tmp_path, [("mp4", Mp4(Mp4Options()))], make_clip()).__enter__()
    assert caught.value.hint == "choose another codec: av1"


def test_a_size_that_the_encoder_refuses_is_an_output_error_before_any_frame(tmp_path, make_clip):
    with pytest.raises(OutputError, match=r"video.mp4: h264 cannot encode 40000x40000 at 8 fps"):
        Artifacts(tmp_path, [("mp4", Mp4(Mp4Options()))], make_clip(width=40000, height=40000)).__enter__()
    assert list(tmp_path.iterdir()) == []


def test_reading_a_spec_from_what_is_no_video_says_so(tmp_path):
    (tmp_path / "story.yaml").write_text("version: 1\n")
    with pytest.raises(SpecError, match=r"story.yaml: not an MP4 video"):
        read_spec(tmp_path / "story.yaml")
    with pytest.raises(SpecError, match="No such file"):
        read_spec(tmp_path / "absent.mp4")
