"""Paths that nobody means: one clear error, and nothing of them reaches the terminal raw."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner

from vstar_sdk.cli.main import cli

RUN = ["run", "--prompt", "a volcano wakes up", "--set", "frames=4", "--set", "sampling.steps=2"]
LONG = "x" * 300


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "looped").mkdir()
    (tmp_path / "looped" / "out").symlink_to("out")
    return tmp_path


def refused(code, *arguments):
    before = sorted(os.listdir())
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == code, result.output
    assert "fault of the program" not in result.stderr
    assert result.stdout == ""
    assert not [sign for sign in result.stderr if not sign.isprintable() and sign != "\n"]
    assert sorted(os.listdir()) == before
    return result.stderr


@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["run", "dry"])
@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("", "the run directory has an empty name"),
        (LONG, "File name too long"),
        ("a/" * 3000, "File name too long"),
        ("loop", "loop is a broken symbolic link"),
        ("loop/run", "loop is a broken symbolic link"),
        ("dangling", "dangling is a broken symbolic link"),
        ("file", "file is a file"),
        ("file/run", "file is a file"),
        ("/dev/null", "/dev/null is a file"),
        ("caf\udce9", r"'caf\udce9' has bytes that are not UTF-8"),
        ("a\nb", r"'a\nb' has the character \n"),
        ("\x1b[31mred", r"'\x1b[31mred' has the character \x1b"),
        ("a\u202eb", r"'a\u202eb' has the character \u202e"),
    ],
)
def test_a_run_directory_that_cannot_be_one(out, words, dry):
    said = refused(7, *RUN, *dry, "--out", out)
    assert words in said
    assert "hint: choose a" in said


def test_a_folder_to_work_in_whose_name_is_no_text(here, monkeypatch):
    os.mkdir(b"caf\xe9")
    monkeypatch.chdir(b"caf\xe9".decode("utf-8", "surrogateescape"))
    assert r"caf\udce9/out' has bytes that are not UTF-8" in refused(7, *RUN, "--out", "out")


@pytest.mark.parametrize(("path", "code", "words"), [
    (f"{LONG}.mp4", 2, "a part of more than 255 bytes"),
    ("a\u202e4pm.mp4", 2, r"holds '\u202e'"),
    ("a\x9b.mp4", 2, r"holds '\x9b'"),
    ("out/a.mp4", 7, "looped/out is not a folder"),
])  # fmt: skip
def test_an_artifact_with_an_odd_path(here, path, code, words):
    spec = {"prompt": "a volcano wakes up", "frames": 4, "output": [{"use": "mp4", "path": path}]}
    (here / "looped" / "story.json").write_text(json.dumps(spec))
    assert words in refused(code, "run", "looped/story.json", "--out", "looped")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["validate", "caf\udce9.yaml"], 2, r"there is no file caf\udce9.yaml"),
        (["validate", "a\n\x1b[31m.yaml"], 2, r"there is no file a\n\x1b[31m.yaml"),
        (["validate", LONG], 2, "File name too long"),
        (["validate", "loop"], 2, "Too many levels of symbolic links"),
        (["rum\x1b[31m"], 2, r"rum\x1b[31m"),
        (["validate", "--\x1b[31mx"], 2, r"--\x1b[31mx"),
        (["validate", "--prompt", "a \x1b[31mdragon"], 2, r"a \x1b[31mdragon"),
        (["templates", "--spec", "a\x1b\n.md"], 2, r"there is no file a\x1b\n.md"),
        (["templates", "show", "./a\x1b.md"], 2, r"a\x1b.md"),
        (["schema", "-o", "file"], 7, "file exists and is not what `vstar schema` writes"),
        (["schema", "-o", "a\x1b/b"], 7, r"a\x1b/b cannot be written"),
        (["schema", "-o", ""], 7, "cannot be written"),
        (["schema", "-o", "looped"], 7, "looped cannot be written: it is a folder"),
        (["schema", "-o", "loop"], 7, "loop cannot be written: Too many levels of symbolic links"),
        (["new", "spec", f"{LONG}.yaml"], 7, "File name too long"),
        (["new", "spec", "loop"], 7, "loop exists already"),
        (["new", "spec", "a\x1b/b.yaml"], 7, r"'a\x1b/b.yaml' has invisible characters in its name"),
        (["new", "spec", "a\nseed: 1.yaml"], 7, r"'a\nseed: 1.yaml' has invisible characters in its name"),
        (["convert", "videocrafter2", "none\x1b", "out"], 5, r"none\x1b"),
    ],
)
def test_odd_arguments(arguments, code, words):
    assert words in refused(code, *arguments)


def test_control_characters_are_escaped_in_what_a_story_says():
    prompt = "a red flower\u202e opens"
    result = CliRunner().invoke(cli, ["synopsis", "--prompt", prompt, "--set", "synopsis={use: states, states: ['a\u202eb']}"])
    assert "\u202e" not in result.output


def test_a_path_in_double_quotes_is_told_with_its_place(here):
    (here / "story.yaml").write_text('prompt: a beach\nmodel:\n  use: modelscope\n  path: "D:\\temp\\new\\t2v"\n')
    said = refused(2, "validate", "story.yaml")
    assert r"story.yaml:4:3: model.path: D:\temp\new\t2v" in said
    assert "use single quotes" in said


def test_a_schema_is_written_through_a_link(here):
    for link in ("dangling", "dangling"):  # made first, replaced then
        assert CliRunner().invoke(cli, ["schema", "--core", "-o", link]).exit_code == 0
        assert (here / "dangling").is_symlink()
        assert json.loads((here / "nothing").read_text(encoding="utf-8"))["title"]
        (here / "nothing").write_text((here / "nothing").read_text(encoding="utf-8").replace("\n", " "), encoding="utf-8")


@pytest.mark.parametrize("full", [False, True])
def test_no_spec_is_left_without_its_schema(here, monkeypatch, full):
    if full:
        monkeypatch.setattr("vstar_sdk.cli.schema_file.write_whole", lambda *_: os.write(-1, b""))
    else:
        (here / "vstar.schema.json").mkdir()
    assert "cannot be written" in refused(7, "new", "spec", "story.yaml")
