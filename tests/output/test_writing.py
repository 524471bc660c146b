from __future__ import annotations

import errno
import itertools
import logging
from pathlib import Path

import numpy as np
import pytest

from vstar_sdk.errors import OutputError
from vstar_sdk.output.contact_sheet import ContactSheet, ContactSheetOptions
from vstar_sdk.output.frames import Frames, FramesOptions
from vstar_sdk.output.gif import Gif, GifOptions
from vstar_sdk.output.mp4 import Mp4, Mp4Options
from vstar_sdk.output.writing import Artifacts


def all_four():
    return [
        ("mp4", Mp4(Mp4Options())),
        ("gif", Gif(GifOptions())),
        ("frames", Frames(FramesOptions())),
        ("contact-sheet", ContactSheet(ContactSheetOptions(path="sheets/story.png"))),
    ]


class Breaks(Frames):
    """Raises in one of its methods."""

    def __init__(self, where: str, error: BaseException, path: str = "broken"):
        super().__init__(FramesOptions(path=path))
        self.where, self.error = where, error

    def open(self, target, clip):
        super().open(target, clip)
        self.fail("open")

    def write(self, frame):
        super().write(frame)
        self.fail("write")

    def close(self):
        self.fail("close")

    def abort(self):
        self.fail("abort")

    def fail(self, where: str):
        if where == self.where:
            raise self.error


def write_all(folder, exporters, clip, frames_of):
    with Artifacts(folder, exporters, clip) as artifacts:
        for frame in frames_of(clip):
            artifacts.write(frame)
    return artifacts


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_artifacts_appear_together_under_their_own_names(tmp_path, make_clip, frames_of):
    folder = tmp_path / "runs" / "one"
    artifacts = write_all(folder, all_four(), make_clip(frames=3), frames_of)
    stills = ["frames/0000.png", "frames/0001.png", "frames/0002.png"]
    assert names(folder) == ["frames", *stills, "sheets", "sheets/story.png", "video.gif", "video.mp4"]
    assert artifacts.paths == (
        ("mp4", folder / "video.mp4"),
        ("gif", folder / "video.gif"),
        ("frames", folder / "frames"),
        ("contact-sheet", folder / "sheets/story.png"),
    )


def test_until_the_end_there_are_only_hidden_temporaries(tmp_path, make_clip, frames_of):
    clip = make_clip()
    with Artifacts(tmp_path, all_four(), clip) as artifacts:
        for frame in frames_of(clip):
            artifacts.write(frame)
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert files
        assert all(any(part.startswith(".") for part in path.relative_to(tmp_path).parts) for path in files)


@pytest.mark.parametrize("after", [0, 1, 5])
def test_an_exception_in_the_middle_leaves_nothing(after, tmp_path, make_clip, frames_of):
    clip = make_clip()

    def interrupted():
        yield from itertools.islice(frames_of(clip), after)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_all(tmp_path / "run", all_four(), clip, lambda _: interrupted())
    assert names(tmp_path) == []


@pytest.mark.parametrize("where", ["open", "write", "close"])
def test_one_failing_exporter_leaves_nothing_of_the_others(where, tmp_path, make_clip, frames_of):
    exporters = [*all_four(), ("broken", Breaks(where, RuntimeError("broken")))]
    with pytest.raises(RuntimeError, match="broken"):
        write_all(tmp_path / "run", exporters, make_clip(), frames_of)
    assert names(tmp_path) == []


def test_an_abort_that_raises_hides_neither_the_error_nor_the_other_temporaries(tmp_path, make_clip, caplog):
    exporters = [("bad", Breaks("abort", ValueError("in abort"))), ("frames", Frames(FramesOptions()))]
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(RuntimeError, match="first"),
        Artifacts(tmp_path, exporters, make_clip()),
    ):
        raise RuntimeError("first")
    assert names(tmp_path) == []
    assert "exporter bad failed in abort" in caplog.text


def test_a_full_disk_is_an_output_error_with_a_remedy(tmp_path, make_clip, frames_of):
    exporters = [("frames", Breaks("write", OSError(errno.ENOSPC, "No space left on device")))]
    with pytest.raises(OutputError, match=r"exporter frames: cannot write .*broken: No space left on device") as caught:
        write_all(tmp_path, exporters, make_clip(), frames_of)
    assert caught.value.hint is not None
    assert "free disk space" in caught.value.hint
    assert names(tmp_path) == []


def test_a_run_directory_that_cannot_be_made_is_an_output_error(tmp_path, make_clip, frames_of):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OutputError, match="exporter mp4: cannot write"):
        write_all(tmp_path / "run", all_four(), make_clip(), frames_of)


def test_older_artifacts_are_replaced_whole(tmp_path, make_clip, frames_of):
    write_all(tmp_path, all_four(), make_clip(frames=6), frames_of)
    older = (tmp_path / "video.mp4").read_bytes()
    write_all(tmp_path, all_four(), make_clip(frames=2), frames_of)
    assert names(tmp_path / "frames") == ["0000.png", "0001.png"]
    assert (tmp_path / "video.mp4").read_bytes() != older
    assert not [name for name in names(tmp_path) if ".partial" in name]


def test_older_artifacts_stay_when_a_run_fails(tmp_path, make_clip, frames_of):
    write_all(tmp_path, all_four(), make_clip(frames=3), frames_of)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path) if (tmp_path / name).is_file()}
    exporters = [*all_four(), ("broken", Breaks("close", RuntimeError()))]
    with pytest.raises(RuntimeError):
        write_all(tmp_path, exporters, make_clip(frames=4), frames_of)
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path) if (tmp_path / name).is_file()} == before


def test_a_folder_with_other_things_in_it_is_not_replaced(tmp_path, make_clip):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="with other files than numbered frames"):
        Artifacts(tmp_path, all_four(), make_clip())
    assert (tmp_path / "frames" / "thesis.txt").read_text() == "years of work"


def test_a_file_in_the_place_of_a_folder_is_found_before_any_frame(tmp_path, make_clip):
    (tmp_path / "frames").write_text("a file")
    with pytest.raises(OutputError, match="is a file"):
        Artifacts(tmp_path, all_four(), make_clip()).__enter__()
    assert names(tmp_path) == ["frames"]


@pytest.mark.parametrize(
    ("first", "second"), [("a.mp4", "a.mp4"), ("a.mp4", "A.MP4"), ("stills", "stills/a.mp4"), ("stills/a.mp4", "stills")]
)
def test_two_exporters_cannot_share_a_place(first, second, tmp_path, make_clip):
    def exporter(path: str):
        return Mp4(Mp4Options(path=path)) if "." in path else Frames(FramesOptions(path=path))

    with pytest.raises(OutputError, match="exporters one and two collide"):
        Artifacts(tmp_path, [("one", exporter(first)), ("two", exporter(second))], make_clip())


@pytest.mark.parametrize("path", ["../frames", "/frames", "a/../../frames"])
def test_an_exporter_of_a_plugin_cannot_leave_the_run_directory(path, tmp_path, make_clip):
    exporter = Frames(FramesOptions())
    exporter.path = path
    with pytest.raises(OutputError, match=r"exporter acme/frames: .*leaves the run directory"):
        Artifacts(tmp_path / "run", [("acme/frames", exporter)], make_clip())


def test_a_link_out_of_the_run_directory_is_not_followed(tmp_path, make_clip):
    (tmp_path / "run").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run" / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="through a symbolic link"):
        Artifacts(tmp_path / "run", [("frames", Frames(FramesOptions(path="out/frames")))], make_clip())


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((64, 32, 3), np.uint8),
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.float32),
    ],
    ids=["size", "grey", "alpha", "float"],
)
def test_a_frame_of_another_shape_or_type_is_refused(frame, tmp_path, make_clip):
    with pytest.raises(OutputError, match=r"frame 0 is .* but the clip's frames are \(64, 64, 3\) uint8"):
        write_all(tmp_path, all_four(), make_clip(), lambda _: [frame])
    assert names(tmp_path) == []


@pytest.mark.parametrize(("written", "complaint"), [(0, "only 0"), (7, "only 7"), (9, "more")])
def test_a_wrong_number_of_frames_is_refused(written, complaint, tmp_path, make_clip):
    with pytest.raises(OutputError, match=f"the clip has 8 frames, but {complaint} were written"):
        write_all(tmp_path, all_four(), make_clip(), lambda _: [np.zeros((64, 64, 3), np.uint8)] * written)
    assert names(tmp_path) == []


def test_a_strided_frame_is_written_as_it_looks(tmp_path, make_clip):
    from PIL import Image

    frame = np.arange(3 * 16 * 24, dtype=np.uint8).reshape(3, 16, 24).transpose(1, 2, 0)
    with Artifacts(tmp_path, [("frames", Frames(FramesOptions()))], make_clip(frames=1, width=24, height=16)) as artifacts:
        artifacts.write(frame)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "frames/0000.png")), frame)


def test_no_exporter_at_all_is_fine(tmp_path, make_clip, frames_of):
    assert write_all(tmp_path / "run", [], make_clip(), frames_of).paths == ()


def test_an_exporter_that_writes_nothing_is_named(tmp_path, make_clip, frames_of):
    class Idle(Frames):
        def open(self, target, clip):
            pass

        def write(self, frame):
            pass

    with pytest.raises(OutputError, match="exporter acme/idle closed without writing frames"):
        write_all(tmp_path / "run", [("acme/idle", Idle(FramesOptions()))], make_clip(), frames_of)
    assert names(tmp_path) == []


def test_a_link_in_the_place_of_a_folder_is_replaced_and_what_it_leads_to_is_not(tmp_path, make_clip, frames_of):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "0000.png").write_text("kept")
    (tmp_path / "frames").symlink_to(tmp_path / "elsewhere")
    write_all(tmp_path, [("frames", Frames(FramesOptions()))], make_clip(frames=2), frames_of)
    assert not (tmp_path / "frames").is_symlink()
    assert names(tmp_path) == ["elsewhere", "elsewhere/0000.png", "frames", "frames/0000.png", "frames/0001.png"]
