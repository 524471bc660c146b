"""Files that are whole or absent, and what they hold told by a digest."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vstar_sdk.output.digests import digest
from vstar_sdk.output.mp4 import Mp4, Mp4Options
from vstar_sdk.output.whole import whole_folder, write_whole
from vstar_sdk.output.writing import Artifacts


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "spec.yaml"
    write_whole(target, b"one")

    def full(source, to):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(target, b"two")
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "new.yaml", b"two", new=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"spec.yaml": b"one"}


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    done: list[tuple[str, int]] = []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda number: done.append(("synced", os.fstat(number).st_size)))

    def replaced(draft, target):
        done.append(("named", draft.stat().st_size))
        replace(draft, target)

    monkeypatch.setattr(os, "replace", replaced)
    write_whole(tmp_path / "spec.yaml", b"one")
    assert done == [("synced", 3), ("named", 3)]


def test_a_disk_that_cannot_hold_the_content_leaves_what_was_there(tmp_path, monkeypatch):
    write_whole(tmp_path / "spec.yaml", b"one")

    def failing(number):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="Input/output"):
        write_whole(tmp_path / "spec.yaml", b"two")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"spec.yaml": b"one"}


def test_a_new_file_takes_nobodys_place(tmp_path):
    (tmp_path / "story.yaml").write_text("mine")
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "story.yaml", b"ours", new=True)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("story.yaml", "mine")]


def test_a_folder_appears_whole_or_leaves_nothing(tmp_path):
    with whole_folder(tmp_path / "a" / "b") as draft:
        (draft / "file").write_text("one")
        assert not (tmp_path / "a" / "b").exists()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    with pytest.raises(FileExistsError), whole_folder(tmp_path / "a"):
        pass
    with pytest.raises(FileNotFoundError), whole_folder(tmp_path / "c" / "d") as draft:
        (draft / "absent").read_text()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["a", "a/b", "a/b/file"]


def test_the_draft_is_announced_before_it_is_there(tmp_path):
    seen = []
    write_whole(tmp_path / "spec.yaml", b"", announce=lambda draft: seen.append((draft.name[0], draft.parent, draft.exists())))
    assert seen == [(".", tmp_path, False)]


def test_a_digest_tells_contents_names_and_kinds_apart(tmp_path):
    def folder(name, **files):
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
        return digest(tmp_path / name)

    first = folder("first", a="1", b="2")
    assert first == folder("same", a="1", b="2")
    others = {folder("x", a="1"), folder("y", a="2", b="1"), folder("z", a="1", c="2"), folder("none")}
    (tmp_path / "link").symlink_to(tmp_path / "first")
    others |= {digest(tmp_path / "link"), digest(tmp_path / "first" / "a")}
    assert len(others | {first}) == 7


def test_the_longest_name_that_a_file_may_have_is_written(tmp_path, make_clip, frames_of):
    clip, name = make_clip(frames=1), "ä" * 125 + ".mp4"
    with Artifacts(tmp_path, [("mp4", Mp4(Mp4Options(path=name)))], clip) as artifacts:
        for frame in frames_of(clip):
            artifacts.write(frame)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.skipif(os.name == "nt", reason="descriptors")
def test_a_file_never_gets_the_number_of_a_standard_stream(tmp_path):
    program = """
import os, sys
os.close(1); os.close(2)
from vstar_sdk.output.descriptors import fill_standard_descriptors
fill_standard_descriptors()
assert open(sys.argv[1], "wb").fileno() > 2
os.write(1, b"a banner"); os.write(2, b"of a library")
"""
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path / "video")], check=False).returncode == 0
    assert (tmp_path / "video").read_bytes() == b""
