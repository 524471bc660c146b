"""Bad input: exit code 2, a message with file, line and remedy, and nothing left behind."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from vstar_sdk.cli.main import cli

PROMPT = "prompt: a landscape from winter to autumn\n"
STATES = "synopsis:\n  use: states\n  states:\n    - a field in winter\n    - a field in summer\n"

BAD = {
    "unknown key": (PROMPT + "framez: 3\n", ":2:1: framez: unknown key 'framez'. Did you mean 'frames'?"),
    "unknown use": (PROMPT + "output:\n  - use: mp5\n", ":3:5: output[0].use: unknown exporter 'mp5'. Did you mean 'mp4'?"),
    "negative sigma": (PROMPT + "regularizers:\n  - use: tar\n    sigma: {0: -4}\n", ":4:13: regularizers[0].sigma"),
    "literal api key": (
        PROMPT + "synopsis:\n  use: llm\n  backend: {use: anthropic, api_key: sk-ant-0123456789abcdef}\n",
        "environment variable",
    ),
    "no frames": (PROMPT + "frames: 0\n", ":2:1: frames: 0 frames: a clip has at least 1"),
    "too many frames": (PROMPT + "frames: 99999999s\n", ":2:1: frames: 799999992 frames: a clip has at most 10000"),
    "duplicate key": (PROMPT + "seed: 1\nseed: 2\n", ":3:1: the key 'seed' is written twice; first in line 2"),
    "alias bomb": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", ":2:8: aliases"),
    "no states": ("synopsis:\n  use: states\n  states: []\n", ":3:3: synopsis.states: no states: write at least one caption"),
    "more states than frames": ("frames: 1\n" + STATES, ":4:3: synopsis.states: 2 states do not fit into 1 frame"),
    "a prompt with more states than frames": (
        "frames: 2\nprompt: a landscape from winter to autumn\n",
        ":2:1: prompt: the prompt's 4 key states do not fit into 2 frames",
    ),
    "anchor beyond the clip": (
        "frames: 8\n" + STATES.replace("- a field in summer", "- {caption: a field in summer, at: 8}"),
        ":6:36: synopsis.states[1].at: state 2: 8 is frame 8, beyond the clip's last frame, 7",
    ),
    "absent level": (
        PROMPT + "regularizers:\n  - use: tar\n    sigma: {0: 4, 5: 4}\n",
        ":4:5: regularizers[0].sigma: tar: the model has no temporal attention at level 5; it has levels 0, 1",
    ),
    "unreadable prompt": (
        "frames: 8\nprompt: a dragon flies\n",
        ":2:1: prompt: no known scene in 'a dragon flies': the embedded model does not know 'dragon'",
    ),
    "a size that the model cannot make": (PROMPT + "size: 60x64\n", ":2:1: size: "),
    "an unknown scheduler": (PROMPT + "sampling: {scheduler: eular}\n", ":2:12: sampling.scheduler: unknown scheduler 'eular'"),
    "eta for a scheduler without": (PROMPT + "sampling: {scheduler: euler, eta: 1}\n", ":2:30: sampling.eta: "),
    "two artifacts of one name": (
        PROMPT + "output:\n  - {use: mp4, path: a.mp4}\n  - {use: mp4, path: a.mp4}\n",
        ":2:1: output: exporters mp4 and mp4 collide",
    ),
    "a path that leaves the folder": (PROMPT + "output:\n  - {use: mp4, path: ../a.mp4}\n", ":3:16: output[0].path: "),
}


@pytest.mark.parametrize("command", ["run", "validate"])
@pytest.mark.parametrize("case", BAD)
def test_bad_specs(tmp_path, case, command):
    text, words = BAD[case]
    spec = tmp_path / "story.yaml"
    spec.write_text(text)
    arguments = [command, str(spec)] + (["--out", str(tmp_path / "out")] if command == "run" else [])
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert f"error: {spec}:" in result.stderr
    assert words in result.stderr
    assert "sk-ant" not in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["story.yaml"]


def test_what_the_world_knows_is_listed(tmp_path):
    result = CliRunner().invoke(cli, ["run", "--prompt", "a dragon flies", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "hint: The embedded model knows these scenes" in result.stderr
    for family in ("landscape", "beach", "volcano", "city", "flower", "balloon", "submarine", "train"):
        assert family in result.stderr
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_spec(tmp_path):
    noise = tmp_path / "noise.yaml"
    noise.write_bytes(bytes(range(256)) * 8)
    for path, words in [
        (noise, "is not text (UTF-8)"),
        (tmp_path / "absent.yaml", "there is no file"),
        (tmp_path, "is a folder"),
    ]:
        result = CliRunner().invoke(cli, ["run", str(path), "--out", str(tmp_path / "out")])
        assert result.exit_code == 2
        assert str(path) in result.stderr
        assert words in result.stderr
        assert "hint: " in result.stderr
    assert not (tmp_path / "out").exists()


def test_neither_spec_nor_prompt():
    result = CliRunner().invoke(cli, ["run"])
    assert result.exit_code == 2
    assert 'hint: vstar run "' in result.stderr


def test_a_misspelled_command():
    result = CliRunner().invoke(cli, ["rum"])
    assert result.exit_code == 2
    assert "Did you mean 'run'?" in result.stderr
