"""A directory belongs to one run: what no run wrote stays, and of two runs nothing is mixed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import pytest

from vstar_sdk import OutputError, Session, hookimpl
from vstar_sdk.runs.belongings import sealed
from vstar_sdk.runs.journal import JOURNAL, Journal
from vstar_sdk.runs.leftovers import sweep_all

STORY = {"prompt": "a volcano wakes up", "frames": 4, "sampling": {"steps": 2}, "output": [{"use": "gif"}]}
OWN = {"latents.safetensors", "manifest.json", "spec.yaml", "synopsis.json"}
FRAMES = STORY | {"output": [{"use": "frames"}, {"use": "contact-sheet", "path": "sheets/story.png"}]}


@pytest.fixture(scope="module")
def made(session, tmp_path_factory):
    """The directory of a run with a GIF."""
    return session.run(STORY, out=tmp_path_factory.mktemp("made") / "run").directory


@pytest.fixture
def run(made, tmp_path):
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "run")


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(session, story, out, words):
    before = contents(out)
    with pytest.raises(OutputError) as error:
        session.run(story, out=out)
    assert words in error.value.message
    assert "--out" in (error.value.hint or "")
    assert contents(out) == before


@pytest.mark.parametrize("name", ["video.gif", *sorted(OWN)])
def test_a_file_of_the_users_own_is_not_replaced(session, tmp_path, name):
    (tmp_path / name).write_text('{"name": "mine"}')
    refused(session, STORY, tmp_path, f"{name} was not written by a run")


def test_frames_of_the_users_own_are_not_replaced(session, tmp_path, monkeypatch):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "0000.png").write_text("mine")
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(OutputError, match="frames was not written by a run"):
        session.run(FRAMES, out=".")
    assert contents(tmp_path) == before


@pytest.mark.parametrize(("moment", "name"), [("on_synopsis", "spec.yaml"), ("on_step", "video.gif")])
def test_what_comes_to_be_in_the_way_meanwhile_is_not_replaced(session, tmp_path, moment, name):
    class Person:
        @hookimpl
        def on_synopsis(self, event):
            self.work("on_synopsis")

        @hookimpl
        def on_step(self, event):
            self.work("on_step")

        def work(self, now):
            if now == moment:
                (tmp_path / "run" / name).write_text("mine")

    with pytest.raises(OutputError, match="was not written by a run"):
        session.run(STORY, out=tmp_path / "run", plugins=[Person()])
    assert (tmp_path / "run" / name).read_text() == "mine"


def test_an_empty_name_is_no_directory(session):
    with pytest.raises(OutputError, match="empty name"):
        session.run(STORY, out="")


def test_a_run_takes_the_place_of_another_whole(session, run):
    (run / "notes.txt").write_text("mine")
    session.run(FRAMES, out=run)
    stills = [f"frames/{number:04}.png" for number in range(4)]
    others = ["latents.safetensors", "manifest.json", "notes.txt", "sheets/story.png", "spec.yaml", "synopsis.json"]
    assert sorted(contents(run)) == sorted([*stills, *others])
    session.run(STORY, out=run)
    assert sorted(path.name for path in run.iterdir()) == [
        "latents.safetensors",
        "manifest.json",
        "notes.txt",
        "spec.yaml",
        "synopsis.json",
        "video.gif",
    ]


def test_the_manifest_lists_all_that_was_written_with_its_digest(run):
    record = json.loads((run / "manifest.json").read_text())
    listed = {entry["path"]: entry["sha256"] for entry in (*record["artifacts"], *record["files"])}
    found = {name: hashlib.sha256(content).hexdigest() for name, content in contents(run).items() if name != "manifest.json"}
    assert listed == found


@pytest.mark.parametrize("name", ["video.gif", *sorted(OWN)])
@pytest.mark.parametrize("story", [STORY, FRAMES], ids=["gif", "frames"])
def test_what_was_changed_since_is_the_users(session, run, name, story):
    path = run / name
    path.write_bytes(path.read_bytes().replace(b"e", b"E", 1) + b"\n")
    refused(session, story, run, "was")


@pytest.mark.skipif(os.name == "nt", reason="pipes")
def test_a_pipe_in_the_place_of_an_artifact_is_not_waited_for(session, run):
    (run / "video.gif").unlink()
    os.mkfifo(run / "video.gif")
    refused(session, STORY, run, "cannot be used")


def test_a_still_that_was_put_into_the_frames_is_kept(session, tmp_path):
    session.run(FRAMES, out=tmp_path / "run")
    (tmp_path / "run" / "frames" / "0004.png").write_text("mine")
    refused(session, STORY, tmp_path / "run", "frames was changed after a run wrote it")


def test_a_manifest_cannot_have_anything_removed_elsewhere(session, tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("kept")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept.txt").write_text("kept")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "link").symlink_to(tmp_path / "elsewhere")
    digest = hashlib.sha256(b"kept").hexdigest()
    names = ["../outside.txt", str(outside), "link/kept.txt"]
    record = {"artifacts": [{"path": name, "sha256": digest} for name in names], "files": []}
    (tmp_path / "run" / "manifest.json").write_bytes(sealed(record))
    session.run(STORY, out=tmp_path / "run")
    assert outside.read_text() == (tmp_path / "elsewhere" / "kept.txt").read_text() == "kept"


def test_a_run_into_the_directory_of_one_under_way_is_refused(session, tmp_path):
    other = Session()

    class Meanwhile:
        errors: list[OutputError] = []  # noqa: RUF012

        @hookimpl
        def on_step(self, event):
            try:
                other.run(STORY, out=tmp_path / "run")
            except OutputError as error:
                self.errors.append(error)

    watcher = Meanwhile()
    session.run(STORY, out=tmp_path / "run", plugins=[watcher])
    assert [error.message for error in watcher.errors] == [f"another run is using {tmp_path / 'run'}"] * 2
    assert (tmp_path / "run" / "manifest.json").exists()
    other.close()


class Vandal:
    """Removes a run's directory while the run is at work."""

    def __init__(self, directory, moment, *, replace):
        self.directory, self.moment, self.replace = directory, moment, replace

    def vanish(self, moment):
        if moment == self.moment:
            shutil.rmtree(self.directory)
            if self.replace:
                self.directory.mkdir()

    @hookimpl
    def on_synopsis(self, event):
        self.vanish("synopsis")

    @hookimpl
    def on_step(self, event):
        self.vanish("step" if event.step == 1 else "")

    @hookimpl
    def transform_frames(self, frames, clip):
        for frame in frames:
            yield frame
            self.vanish("frame" if self.directory.exists() else "")

    @hookimpl
    def on_artifact(self, event):
        self.vanish("artifact")


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("moment", ["synopsis", "step", "frame", "artifact"])
def test_a_folder_that_vanishes_ends_the_run_and_is_not_made_anew(session, tmp_path, moment, replace):
    directory = tmp_path / "run"
    with pytest.raises(OutputError, match="was removed during the run"):
        session.run(STORY, out=directory, plugins=[Vandal(directory, moment, replace=replace)])
    assert not directory.exists() or list(directory.iterdir()) == []


def test_an_earlier_run_stays_whole_when_the_next_fails_at_its_very_end(session, run, monkeypatch):
    before = contents(run)

    def full(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vstar_sdk.output.gif.Gif.close", full)
    with pytest.raises(OutputError, match="No space left"):
        session.run(STORY, out=run)
    after = contents(run)
    assert {name: content for name, content in after.items() if not name.startswith("state/")} == before
    assert "state/latents" in after  # the next one can go on


def died(folder, *, drafts=(), files=()):
    """What a run leaves that was killed."""
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal.open(folder)
    assert journal is not None
    for name in drafts:
        journal.draft(name)
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("half")
    for name in files:
        journal.file(name, hashlib.sha256(b"whole").hexdigest())
        (folder / name).write_text("whole")
    journal.close(remove=False)


def test_drafts_of_a_run_that_died_are_swept_by_the_next(session, tmp_path):
    directory = tmp_path / "run"
    died(directory, drafts=[".video.partial-1.gif", "sheets/.story.partial-2.png"], files=["spec.yaml", "video.gif"])
    (directory / ".frames.partial-3-older").mkdir()
    with (directory / JOURNAL).open("a") as file:
        file.write(json.dumps({"draft": ".frames.partial-3"}) + '\n{"draft": ".tor')
    session.run(STORY, out=directory)
    assert {path.name for path in directory.iterdir()} == OWN | {"video.gif"}


def test_nothing_but_drafts_is_swept(session, tmp_path):
    directory = tmp_path / "run"
    (tmp_path / ".video.partial-1.gif").write_text("kept")
    died(directory, drafts=[".hidden", "notes.txt", ".own.partial-1.gif"])
    with (directory / JOURNAL).open("a") as file:
        file.write(json.dumps({"draft": "../.video.partial-1.gif"}) + "\n")
    (directory / ".not-listed.partial-9.gif").write_text("kept")
    session.run(STORY, out=directory)
    assert (tmp_path / ".video.partial-1.gif").exists()
    left = {".hidden", "notes.txt", ".not-listed.partial-9.gif"}
    assert {path.name for path in directory.iterdir()} == left | OWN | {"video.gif"}


def test_what_the_journal_owns_and_somebody_changed_is_kept(session, tmp_path):
    died(tmp_path / "run", files=["video.gif"])
    (tmp_path / "run" / "video.gif").write_text("mine")
    refused(session, STORY, tmp_path / "run", "video.gif was changed after a run wrote it")


def test_directories_that_nobody_named_are_swept_too(made, tmp_path):
    died(tmp_path / "dead", drafts=[".video.partial-1.gif"])
    died(tmp_path / "half", drafts=[".video.partial-1.gif"], files=["spec.yaml"])
    shutil.copytree(made, tmp_path / "whole")
    died(tmp_path / "whole", drafts=[".video.partial-1.gif"])
    died(tmp_path / "alive", drafts=[".video.partial-1.gif"])
    alive = Journal.open(tmp_path / "alive")
    assert alive is not None
    sweep_all(tmp_path)
    assert not (tmp_path / "dead").exists()
    assert sorted(path.name for path in (tmp_path / "half").iterdir()) == [JOURNAL, "spec.yaml"]
    assert contents(tmp_path / "whole") == contents(made)
    assert (tmp_path / "alive" / ".video.partial-1.gif").exists()
    alive.close(remove=True)
