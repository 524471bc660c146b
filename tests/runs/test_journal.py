"""The journal of a run: every line that was written is read again, whatever came before it."""

from __future__ import annotations

import os

import pytest

from vstar_sdk import OutputError
from vstar_sdk.runs.directory import RunDirectory
from vstar_sdk.runs.journal import JOURNAL, Journal
from vstar_sdk.runs.leftovers import sweep_all


def opened(folder) -> Journal:
    journal = Journal.open(folder)
    assert journal is not None
    return journal


def reopened(journal: Journal) -> Journal:
    journal.close(remove=False)
    return opened(journal.path.parent)


def test_a_line_after_one_that_was_torn_is_read(tmp_path):
    journal = opened(tmp_path)
    journal.draft(".a.partial-1")
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"draft": ".b.par')
    journal = reopened(journal)
    journal.file("spec.yaml", "1")
    journal.file("video.gif", "2")
    journal = reopened(journal)
    assert journal.drafts == [".a.partial-1"]
    assert journal.files == {"spec.yaml": {"1"}, "video.gif": {"2"}}
    assert (tmp_path / JOURNAL).read_bytes().count(b"\n") == 4
    journal.close(remove=True)


def test_a_write_that_takes_a_part_is_gone_on_with(tmp_path, monkeypatch):
    journal, write = opened(tmp_path), os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data[:7])))
    journal.draft(".a.partial-1")
    journal.file("spec.yaml", "1")
    monkeypatch.undo()
    journal = reopened(journal)
    assert (journal.drafts, journal.files) == ([".a.partial-1"], {"spec.yaml": {"1"}})
    journal.close(remove=True)


def test_a_line_that_a_full_disk_tore_spoils_no_other(tmp_path, monkeypatch):
    journal, write, written = opened(tmp_path), os.write, iter([7])

    def full(descriptor, data):
        for size in written:
            return write(descriptor, bytes(data[:size]))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        journal.draft(".a.partial-1")
    monkeypatch.undo()
    journal.draft(".b.partial-2")
    journal = reopened(journal)
    assert journal.drafts == [".b.partial-2"]
    journal.close(remove=True)


@pytest.mark.parametrize("below", ["run", "new/run"])
def test_a_folder_that_a_sweep_takes_while_it_is_claimed_is_made_again(tmp_path, monkeypatch, below):
    directory, real, times = RunDirectory(tmp_path / below), Journal.open, iter([1, 2])

    def swept(folder, **more):
        if next(times, None):
            (folder / JOURNAL).touch()  # as of a dead run
            monkeypatch.setattr(Journal, "open", real)
            sweep_all(folder.parent)
            monkeypatch.setattr(Journal, "open", swept)
            assert not folder.exists()
        return real(folder, **more)

    monkeypatch.setattr(Journal, "open", swept)
    directory.claim()
    assert (tmp_path / below / JOURNAL).exists()
    directory.leave(failed=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_claimed_is_not_asked_for_ever(tmp_path, monkeypatch):
    def absent(folder):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Journal, "open", absent)
    with pytest.raises(OutputError, match="No such file"):
        RunDirectory(tmp_path / "run").claim()
