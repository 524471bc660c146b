"""``vstar synopsis --edit``: the states in the user's own editor, checked when it is left."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from vstar_sdk import load_spec
from vstar_sdk.cli import editing
from vstar_sdk.cli.main import cli

STORY = "prompt: a landscape from winter to autumn\nframes: 8\nseed: 5\n"

PROGRAM = """
import sys
from pathlib import Path
path = Path(sys.argv[-1])
left = Path({steps!r})
old, new = left.read_text().splitlines()[0].split("=>")
left.write_text("".join(left.read_text().splitlines(keepends=True)[1:]))
path.write_text(path.read_text().replace(old, new))
"""


@pytest.fixture
def edits(tmp_path, monkeypatch):
    """Let the editor replace texts, one pair each time it is opened."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "story.yaml").write_text(STORY)

    def edit(*pairs):
        (tmp_path / "steps").write_text("".join(f"{old}=>{new}\n" for old, new in pairs))
        (tmp_path / "editor.py").write_text(PROGRAM.format(steps=str(tmp_path / "steps")))
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("EDITOR", f"{shlex.quote(sys.executable)} {shlex.quote(str(tmp_path / 'editor.py'))}")

    return edit


def kept(folder):
    return list(folder.glob("vstar-states-*"))


def run(folder, *more):
    return CliRunner().invoke(cli, ["synopsis", str(folder / "story.yaml"), "--edit", *more])


def test_what_was_written_is_printed_as_a_spec_that_runs(edits, tmp_path):
    edits(("a landscape in spring", "a landscape in deep blue winter"))
    result = run(tmp_path)
    assert result.exit_code == 0, result.stderr
    spec = load_spec(yaml.safe_load(result.stdout)).spec
    captions = [state["caption"] for state in spec.model_dump()["synopsis"]["states"]]
    assert captions[1].startswith("a landscape in deep blue winter")
    assert (len(captions), spec.seed, spec.frames, spec.prompt) == (4, 5, 8, "a landscape from winter to autumn")
    assert kept(tmp_path) == []


def test_it_can_be_shown_as_json(edits, tmp_path):
    edits(("a landscape in winter", "a landscape by night"))
    assert json.loads(run(tmp_path, "--json").stdout)["states"][0]["caption"].startswith("a landscape by night")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  states:", "  stats:", "states:3:1: synopsis.states: is missing"),
        ("synopsis:", "synopsys:", "states: 'synopsys' has no place here"),
        ("synopsis:", "synopsis: {", "error: states:"),
        ("- a landscape in winter", "- {caption: a landscape, at: 99}", "states:"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_was_written_is_kept(edits, tmp_path, old, new, words):
    edits((old, new))
    result = run(tmp_path)
    assert result.exit_code == 2
    assert words in result.stderr
    (path,) = kept(tmp_path)
    assert f"what you wrote is in {path}" in result.stderr
    assert new in path.read_text()


def test_at_a_terminal_it_is_opened_again(edits, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(editing, "_again", lambda error: asked.append(error.message) or True)
    edits(("  states:", "  stats:"), ("  stats:", "  states:"))
    assert run(tmp_path).exit_code == 0
    assert len(asked) == 1
    assert kept(tmp_path) == []


@pytest.mark.parametrize("editor", ["false", "no-such-editor"])
def test_an_editor_that_fails_is_an_error(edits, tmp_path, monkeypatch, editor):
    edits()
    monkeypatch.setenv("EDITOR", editor)
    result = run(tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {editor}: Editing failed")
    assert "hint: set EDITOR" in result.stderr
    assert kept(tmp_path) == []


def test_the_spec_file_stays_as_it_is(edits, tmp_path):
    edits(("winter", "spring"))
    run(tmp_path)
    assert Path(tmp_path / "story.yaml").read_text() == STORY
