"""``vstar history``, ``undo`` and ``rerun``."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from click.testing import CliRunner

from vstar_sdk import Session, extended, redone
from vstar_sdk.cli.main import cli
from vstar_sdk.runs.belongings import sealed
from vstar_sdk.runs.journal import Journal

STORY = {
    "synopsis": {"states": ["a landscape in winter", "a landscape in spring"]},
    "frames": 4,
    "sampling": {"steps": 2},
    "output": [{"use": "frames"}],
}


def vstar(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def printed(*arguments):
    result = vstar(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run, one that makes its second state anew, and one that goes on from that."""
    folder = tmp_path_factory.mktemp("history")
    with Session() as session:
        session.run(STORY, out=folder / "winter")
        session.run(redone(folder / "winter", 2, caption="a landscape in autumn"), out=folder / "winter-2")
        session.run(extended(folder / "winter-2", 2, ["a landscape in summer"]), out=folder / "winter-3")
    return folder


@pytest.fixture
def runs(made, tmp_path):
    """Copies to spoil."""
    return shutil.copytree(made, tmp_path / "runs")


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_the_chain_is_shown_with_what_each_step_changed(made):
    newest, redo, first = printed("history", made / "winter-3").rstrip("\n").split("\n\n")
    assert newest.splitlines() == [
        f"{made / 'winter-3'}  {manifest(made / 'winter-3')['finished']}  run {manifest(made / 'winter-3')['run']}",
        f"  keeps frames 0-3 of {made / 'winter-2'}",
        "  frames: 4 -> 6",
        '  synopsis.states[2]: nothing -> {"caption": "a landscape in summer", "at": 5}',
    ]
    assert redo.splitlines()[1:] == [
        f"  keeps frames 0-1 of {made / 'winter'}",
        '  synopsis.states[1].caption: "a landscape in spring" -> "a landscape in autumn"',
    ]
    assert first == f"{made / 'winter'}  {manifest(made / 'winter')['finished']}  run {manifest(made / 'winter')['run']}"


def test_it_is_json_too_and_names_runs_as_it_was_asked(made, monkeypatch):
    monkeypatch.chdir(made)
    told = json.loads(printed("history", "winter-3", "--json"))
    assert [(one["directory"], one["from"], one["keeps"], one["there"]) for one in told] == [
        ("winter-3", "winter-2", "0-3", True),
        ("winter-2", "winter", "0-1", True),
        ("winter", None, None, False),
    ]
    assert [one["parent"] for one in told] == [told[1]["run"], told[2]["run"], None]
    assert told[0]["changes"][0] == {"path": "frames", "a": 4, "b": 6}
    assert told[0]["changes"][1] == {"path": "synopsis.states[2]", "b": {"caption": "a landscape in summer", "at": 5}}


def test_a_chain_ends_where_a_run_is_not_there_any_more(runs):
    run = manifest(runs / "winter")["run"]
    shutil.rmtree(runs / "winter")
    shown = printed("history", runs / "winter-2").splitlines()[1:]
    assert shown == [f"  keeps frames 0-1 of {runs / 'winter'}", f"  run {run} is not there any more"]
    shutil.copytree(runs / "winter-3", runs / "winter")  # another run in its place
    assert printed("history", runs / "winter-2").splitlines()[1:] == shown


@pytest.mark.parametrize("command", ["history", "undo", "rerun"])
def test_where_no_run_is_whole_it_is_an_error(tmp_path, command):
    result = vstar(command, tmp_path)
    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, f"error: there is no finished run in {tmp_path}")


def test_undo_removes_the_run_and_leaves_the_one_before_as_it_is(runs):
    before = files(runs / "winter-2")
    result = vstar("undo", runs / "winter-3")
    assert result.exit_code == 0
    assert result.stdout == f"{runs / 'winter-2'}\n"
    assert result.stderr == f"removed {runs / 'winter-3'}\n"
    assert not (runs / "winter-3").exists()
    assert files(runs / "winter-2") == before
    told = json.loads(printed("undo", runs / "winter-2", "--json"))
    assert told == {"removed": str(runs / "winter-2"), "directory": str(runs / "winter")}
    assert [path.name for path in runs.iterdir()] == ["winter"]


def test_undo_keeps_what_no_run_wrote(runs):
    (runs / "winter-3" / "notes.txt").write_text("mine")
    result = vstar("undo", runs / "winter-3")
    assert result.stderr == f"removed {runs / 'winter-3'}, but for files that no run wrote\n"
    assert files(runs / "winter-3") == {"notes.txt": b"mine"}


def spoil(name):
    def change(runs):
        (runs / "winter-3" / name).write_bytes(b"other")

    return change


def lose(runs):
    shutil.rmtree(runs / "winter-2")


@pytest.mark.parametrize(
    ("run", "before", "code", "words"),
    [
        ("winter", None, 2, "was not made from another, so nothing would be left"),
        ("winter-2", None, 2, "goes on from the one in"),
        ("winter-3", lose, 2, "any more: nothing would be left"),
        ("winter-3", spoil("latents.safetensors"), 7, "latents.safetensors was changed after the run wrote it"),
        ("winter-3", spoil("frames/0001.png"), 7, "frames was changed after the run wrote it"),
    ],
)
def test_undo_refuses_what_would_lose_something(runs, run, before, code, words):
    if before is not None:
        before(runs)
    kept = files(runs)
    result = vstar("undo", runs / run)
    assert result.exit_code == code, result.output
    assert words in result.stderr
    assert "hint: " in result.stderr
    assert files(runs) == kept


def test_undo_waits_for_a_run_that_is_at_work_there(runs):
    journal = Journal.open(runs / "winter-3")
    assert journal is not None
    result = vstar("undo", runs / "winter-3")
    journal.close(remove=True)
    assert result.exit_code == 7
    assert "another run is using" in result.stderr
    assert (runs / "winter-3" / "manifest.json").is_file()


def test_a_rerun_says_that_its_frames_are_the_same(runs):
    result = vstar("rerun", runs / "winter-2", "-q")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{runs / 'winter-2-2'}\n"
    assert result.stderr == f"the frames are those of {runs / 'winter-2'}, byte for byte\n"
    assert files(runs / "winter-2-2" / "frames") == files(runs / "winter-2" / "frames")
    assert manifest(runs / "winter-2-2")["parent"] == manifest(runs / "winter")["run"]


def changed(folder, **more):
    record = {key: value for key, value in manifest(folder).items() if key != "seal"} | more
    (folder / "manifest.json").write_bytes(sealed(record))


def test_a_rerun_with_other_frames_fails_and_names_what_was_otherwise(runs):
    versions = manifest(runs / "winter")["versions"]
    changed(runs / "winter", frames_sha256="0" * 64, versions={**versions, "torch": "0.1"})
    result = vstar("rerun", runs / "winter", "-q", "-o", runs / "again")
    assert result.exit_code == 8
    assert result.stdout == f"{runs / 'again'}\n"
    assert result.stderr.splitlines() == [
        f'otherwise: versions.torch: "0.1" -> "{versions["torch"]}"',
        f"error: the frames are not those of {runs / 'winter'}",
        "hint: what was otherwise is named above",
    ]


def test_a_rerun_in_json_ends_with_what_was_found_and_one_without_frames_says_so(runs):
    changed(runs / "winter", frames_sha256=None)
    result = vstar("rerun", runs / "winter", "--json")
    assert json.loads(result.stdout.splitlines()[-1]) == {"kind": "rerun", "equal": None, "otherwise": []}
    assert "is not known" in result.stderr


def test_a_rerun_of_a_run_that_was_not_as_expected_is_compared_too(runs, tmp_path):
    story = tmp_path / "strict.yaml"
    story.write_text(yaml.safe_dump(STORY | {"expect": {"frozen": True}}))
    assert vstar("run", story, "-q", "-o", runs / "strict").exit_code == 8
    result = vstar("rerun", runs / "strict", "-q")
    assert result.exit_code == 8
    assert result.stderr.splitlines()[0] == f"the frames are those of {runs / 'strict'}, byte for byte"
    assert "error: the video is not as expected" in result.stderr
