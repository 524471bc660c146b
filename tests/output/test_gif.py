from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageSequence

from vstar_sdk import load_spec
from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.output.gif import Gif, GifOptions
from vstar_sdk.output.scale import enlarge
from vstar_sdk.output.writing import Artifacts
from vstar_sdk.runs.plan import make_plan


def played(path):
    """Frames as RGB, and their delays in milliseconds."""
    with Image.open(path) as image:
        frames = [(np.asarray(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(image)]
    return [frame for frame, _ in frames], [delay for _, delay in frames]


def blurred(frame):
    return np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(3))).astype(float)


@pytest.mark.parametrize(
    ("fps", "delays"), [(8, [130, 120] * 4), (10, [100] * 8), (50, [20] * 8), (30, [30, 40, 30] * 2 + [30, 40])]
)
def test_delays_add_up_to_the_clip(fps, delays, tmp_path, make_clip, export):
    export(Gif(GifOptions(scale=1)), make_clip(frames=8, fps=fps, width=16, height=16))
    frames, played_delays = played(tmp_path / "video.gif")
    assert len(frames) == 8
    assert played_delays == delays


@pytest.mark.parametrize("dither", [True, False])
def test_gradients_stay_close_to_the_original(dither, tmp_path, make_clip, export):
    written = export(Gif(GifOptions(dither=dither)), make_clip(frames=6))
    frames, _ = played(tmp_path / "video.gif")
    for frame, original in zip(frames, written, strict=True):
        assert frame.shape == (256, 256, 3)
        assert np.abs(blurred(frame) - blurred(enlarge(original, 4))).mean() < 6


def test_the_dither_pattern_stands_still(tmp_path, make_clip, frames_of):
    clip = make_clip(frames=4)
    still = next(frames_of(clip))
    with Artifacts(tmp_path, [("gif", Gif(GifOptions()))], clip) as artifacts:
        for _ in range(clip.frames):
            artifacts.write(still)
    frames, delays = played(tmp_path / "video.gif")
    assert len(delays) == 4
    assert all(np.array_equal(frame, frames[0]) for frame in frames)


def test_few_colours_come_out_exactly(tmp_path, make_clip):
    frame = np.zeros((16, 16, 3), np.uint8)
    frame[:8], frame[8:, 8:] = (250, 10, 30), (0, 90, 255)
    with Artifacts(
        tmp_path, [("gif", Gif(GifOptions(scale=1, dither=False)))], make_clip(frames=1, width=16, height=16)
    ) as artifacts:
        artifacts.write(frame)
    frames, _ = played(tmp_path / "video.gif")
    assert np.array_equal(frames[0], frame)


@pytest.mark.parametrize(("loop", "expected"), [(0, 0), (1, None), (3, 2)])
def test_it_plays_as_often_as_asked(loop, expected, tmp_path, make_clip, export):
    export(Gif(GifOptions(loop=loop)), make_clip(frames=2, width=16, height=16))
    with Image.open(tmp_path / "video.gif") as image:
        assert image.info.get("loop") == expected


@pytest.mark.parametrize("size", [(63, 65), (320, 257), (1, 1)])
def test_odd_sizes_keep_their_size(size, tmp_path, make_clip, export):
    export(Gif(GifOptions(scale=1)), make_clip(frames=2, width=size[0], height=size[1]))
    frames, _ = played(tmp_path / "video.gif")
    assert frames[1].shape == (size[1], size[0], 3)


def test_what_a_gif_cannot_hold_is_refused_before_any_frame(tmp_path, make_clip):
    with pytest.raises(OutputError, match="at most 50 frames a second, not 60"):
        Artifacts(tmp_path, [("gif", Gif(GifOptions()))], make_clip(fps=60)).__enter__()
    with pytest.raises(OutputError, match="70000x300 times 1 is larger than a GIF can be"):
        Artifacts(tmp_path, [("gif", Gif(GifOptions()))], make_clip(width=70000, height=300)).__enter__()


def test_a_rate_that_a_gif_cannot_have_is_a_fault_of_the_spec_where_the_frames_are_interpolated_too():
    story = {"prompt": "a volcano wakes up", "frames": 8, "fps": 30, "output": [{"use": "mp4"}, {"use": "gif"}]}
    make_plan(load_spec(story))
    for more in ({"fps": 60}, {"finish": [{"use": "interpolate", "factor": 2}]}):
        with pytest.raises(SpecError, match=r"output\[1\].*at most 50 frames a second, not 60"):
            make_plan(load_spec(story | more))


def test_frames_beyond_the_memory_of_the_spool_go_to_disk(tmp_path, make_clip, export, monkeypatch):
    monkeypatch.setattr("vstar_sdk.output.gif._SPOOL_BYTES", 10_000)
    exporter, clip = Gif(GifOptions(scale=1)), make_clip(frames=8, width=32, height=32)
    export(exporter, clip)
    by_disk = (tmp_path / "video.gif").read_bytes()
    monkeypatch.undo()
    export(exporter, clip)
    assert (tmp_path / "video.gif").read_bytes() == by_disk
    assert [path.name for path in tmp_path.iterdir()] == ["video.gif"]
