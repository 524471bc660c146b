"""A disk that is full or read-only, a clock that goes backwards: one clear error, nothing corrupt, and the run goes on later."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.runs.test_kills import check_whole
from vstar_sdk import OutputError, RunPaused, run_cells, sweep_status
from vstar_sdk.output.digests import digest
from vstar_sdk.runs import naming
from vstar_sdk.runs.naming import default_directory
from vstar_sdk.runs.unfinished import resumable
from vstar_sdk.sweeps.cells import retry
from vstar_sdk.testing.executors import sample_sweep

STORY = {
    "prompt": "a volcano wakes up",
    "frames": 6,
    "seed": 5,
    "sampling": {"steps": 3},
    "output": [{"use": "gif"}, {"use": "frames"}],
}
FILES = ("video.gif", "frames", "latents.safetensors", "spec.yaml")


MOUNT, UMOUNT = shutil.which("mount") or "", shutil.which("umount") or ""


def mounts() -> bool:
    """Whether this process may mount a disk of its own."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and bool(MOUNT and UMOUNT)


class Disk:
    """A disk in memory.

    Args:
        path: of a folder that it is mounted on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self._mounted = False

    def size(self, bytes: int, *, read_only: bool = False) -> None:
        """Make it as large; a first time, or another time."""
        options = f"size={bytes},{'ro' if read_only else 'rw'}{',remount' if self._mounted else ''}"
        done = subprocess.run([MOUNT, "-t", "tmpfs", "-o", options, "tmpfs", self.path], capture_output=True, check=False)
        if done.returncode != 0 and not self._mounted:
            pytest.skip(f"no disk can be mounted here: {done.stderr.decode().strip()}")
        assert done.returncode == 0, done.stderr
        self._mounted = True

    def close(self) -> None:
        if self._mounted:
            subprocess.run([UMOUNT, "--lazy", self.path], check=True)


@pytest.fixture
def disk(tmp_path) -> Iterator[Disk]:
    if not mounts():
        pytest.skip("only root may mount a small disk; the tests with a disk that fails by patch run everywhere")
    made = Disk(tmp_path / "disk")
    yield made
    made.close()


@pytest.fixture(scope="module")
def undisturbed(session, tmp_path_factory):
    """The run directory of an undisturbed run."""
    return session.run(STORY, out=tmp_path_factory.mktemp("whole") / "run").directory


def digests(directory: Path) -> dict[str, str]:
    return {name: digest(directory / name) for name in FILES}


def check_goes_on(session, directory: Path, undisturbed: Path) -> None:
    """What is there is whole, and the run goes on, or begins again, to the same bytes."""
    if directory.exists():
        check_whole(directory)
        assert not (directory / "manifest.json").exists()
    if resumable(directory):
        session.resume(directory).result()
    else:
        session.run(STORY, out=directory)
    assert digests(directory) == digests(undisturbed)
    assert not list(directory.rglob(".*"))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.7, 0.85, 0.95])
def test_a_disk_that_is_full_at_any_moment(session, undisturbed, disk, share):
    """Of a size that is a share of what the run's files take."""
    page = 4096
    pages = [-(-path.stat().st_size // page) for path in undisturbed.rglob("*") if path.is_file()]
    disk.size(page * max(1, round(share * sum(pages))))
    with pytest.raises(OutputError) as refused:
        session.run(STORY, out=disk.path / "run")
    assert "No space left on device" in refused.value.message
    assert refused.value.hint
    disk.size(64 << 20)
    check_goes_on(session, disk.path / "run", undisturbed)


def test_a_disk_that_is_full_when_any_file_is_opened(session, undisturbed, tmp_path, monkeypatch):
    """By patch, and so everywhere: the first file that is written whole, the second, and so on until a run is done."""
    opened, count, failed = Path.open, 0, 0
    told: list[str] = []

    def refuse(self: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        nonlocal count
        if "x" in mode and self.is_relative_to(tmp_path):
            count += 1
            if count == failed:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return opened(self, mode, *arguments, **named)

    for failed in range(1, 50):
        count, directory = 0, tmp_path / str(failed)
        monkeypatch.setattr(Path, "open", refuse)
        try:
            session.run(STORY, out=directory)
        except OutputError as refused:
            told.append(refused.message)
        else:
            assert count < failed
            break
        finally:
            monkeypatch.undo()
        check_goes_on(session, directory, undisturbed)
    assert len(told) == failed - 1 > 4
    assert all("No space left on device" in message for message in told)


def test_a_disk_that_is_read_only_is_told_before_anything_is_done(session, disk):
    disk.size(1 << 20, read_only=True)
    job = session.start(STORY, out=disk.path / "run")
    with pytest.raises(OutputError, match=r"cannot be written to|Read-only file system"):
        job.result()
    assert [event.kind for event in job.events()] == ["run_start", "run_error"]


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere; the test above has a disk")
def test_a_folder_that_is_read_only_is_told_before_anything_is_done(session, tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="cannot be written to"):
            session.run(STORY, out=tmp_path / "run")
    finally:
        tmp_path.chmod(0o755)


def test_a_sweep_on_a_full_disk_goes_on_when_there_is_room(disk):
    disk.size(64 << 20)
    sweep = sample_sweep(disk.path / "sweep", cells=3)
    used = sum(path.stat().st_blocks * 512 for path in disk.path.rglob("*") if path.is_file())
    disk.size(used + 24 * 4096)
    told: list[OutputError] = []
    try:
        run_cells(sweep.directory)
    except OutputError as error:
        told.append(error)
    status = sweep_status(sweep.directory)
    assert status.counts["done"] < 3
    messages = [error.message for error in told] + [failed.message for _, failed in status.failures()]
    assert messages
    assert all("No space left on device" in message for message in messages)
    disk.size(64 << 20)
    retry(sweep)
    run_cells(sweep.directory)
    assert sweep_status(sweep.directory).counts["done"] == 3
    assert not list(sweep.directory.rglob(".vstar-cell"))
    assert not list(sweep.directory.rglob("error.json"))


@pytest.fixture
def backwards(monkeypatch):
    """A clock that goes an hour back whenever it is read."""
    now = datetime.now()

    class Clock(datetime):
        hours = 0

        @classmethod
        def now(cls, tz=None):
            Clock.hours += 1
            return now - timedelta(hours=Clock.hours)

    monkeypatch.setattr(naming, "datetime", Clock)
    monkeypatch.setattr("vstar_sdk.runs.manifest.datetime", Clock)
    monkeypatch.setattr("time.time", lambda: Clock.now().timestamp())
    return Clock


def test_a_clock_that_goes_backwards_changes_no_run(session, undisturbed, tmp_path, backwards):
    with pytest.raises(RunPaused):
        session.start(STORY, out=tmp_path / "run", pause_after=1).result()
    for path in (tmp_path / "run").rglob("*"):
        os.utime(path, (4e9, 4e9))  # of the year 2096
    result = session.resume(tmp_path / "run").result()
    assert digests(tmp_path / "run") == digests(undisturbed)
    assert all(seconds >= 0 for seconds in result.manifest["seconds"].values())
    assert backwards.hours > 0


def test_a_clock_that_goes_backwards_or_stands_gives_every_run_a_folder_of_its_own(tmp_path, backwards, monkeypatch):
    made = [default_directory("a volcano", tmp_path) for _ in range(4)]
    stopped = backwards.now()
    monkeypatch.setattr(backwards, "now", classmethod(lambda cls, tz=None: stopped))
    made += [default_directory("a volcano", tmp_path) for _ in range(4)]
    assert len(set(made)) == 8
    assert sorted(tmp_path.iterdir()) == sorted(made)


def test_a_sweep_does_cells_of_the_future_as_it_does_others(tmp_path, backwards):
    sweep = sample_sweep(tmp_path, cells=2)
    run_cells(tmp_path, ["0000"])
    for path in tmp_path.rglob("*"):
        os.utime(path, (4e9, 4e9))
    assert run_cells(tmp_path).passed == 1
    assert sweep_status(tmp_path).counts["done"] == len(sweep.cells)
