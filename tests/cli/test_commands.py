from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import click
import pytest
from click.testing import CliRunner

from vstar_sdk.cli.main import COMMANDS, cli
from vstar_sdk.output.metadata import read_spec

SMALL = ["--prompt", "a volcano wakes up", "--set", "frames=4", "--set", "sampling.steps=2"]


def invoke(*arguments):
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run: its directory and what the command printed."""
    directory = tmp_path_factory.mktemp("cli") / "run"
    return directory, invoke("run", *SMALL, "--out", str(directory))


def test_a_run_leaves_its_files_and_prints_its_directory_last(finished):
    directory, result = finished
    assert sorted(path.name for path in directory.iterdir()) == [
        "contact-sheet.png",
        "latents.safetensors",
        "manifest.json",
        "spec.yaml",
        "synopsis.json",
        "video.mp4",
    ]
    assert result.stdout.splitlines()[-1] == str(directory)
    assert result.stdout.count("\n") == 1


def test_progress_off_a_terminal_is_plain_lines(finished):
    lines = finished[1].stderr.splitlines()
    assert "sampling: step 2/2, 0 s left" in lines
    assert any(line.startswith("wrote ") for line in lines)
    assert not any("\x1b" in line or "\r" in line for line in lines)


def test_the_manifest_says_what_the_run_was_made_with(finished):
    manifest = json.loads((finished[0] / "manifest.json").read_text())
    assert manifest["model"]["name"] == "miniworld"
    assert manifest["model"]["dtype"] == "float32"
    assert any(len(digest) == 64 for digest in manifest["model"]["weights"].values())
    assert list(manifest["seconds"]) == ["start", "synopsis", "load", "encode", "sample", "decode", "rest", "total"]
    assert sum(manifest["seconds"].values()) == pytest.approx(2 * manifest["seconds"]["total"], abs=0.01)
    assert {"torch", "diffusers", "vstar-sdk"} <= set(manifest["versions"])


def test_the_synopsis_file_says_which_frames_the_states_rule(finished):
    states = json.loads((finished[0] / "synopsis.json").read_text())["states"]
    assert states[0]["anchor"] == 0
    assert states[-1]["rules"][1] == 3


def test_the_video_holds_its_spec(finished):
    assert read_spec(finished[0] / "video.mp4") == (finished[0] / "spec.yaml").read_text()


def test_json_events(tmp_path):
    result = invoke("run", *SMALL, "--json", "--out", str(tmp_path / "run"))
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["kind"] for event in events if event["kind"] != "decoded"][:3] == ["run_start", "stage", "synopsis"]
    assert events[-1]["kind"] == "run_end"
    assert events[-1]["directory"] == str(tmp_path / "run")
    assert sum(event["kind"] == "step" for event in events) == 2


def test_a_closed_pipe_ends_the_run_quietly(tmp_path):
    command = [sys.executable, "-m", "vstar_sdk.cli.main", "run", *SMALL, "--json", "--out", str(tmp_path / "run")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 1
    assert process.stderr.read() == ""
    assert "manifest.json" not in [path.name for path in (tmp_path / "run").iterdir()]


def test_quiet(tmp_path):
    result = invoke("run", *SMALL, "--quiet", "--out", str(tmp_path / "run"))
    assert result.stderr == ""
    assert result.stdout == f"{tmp_path / 'run'}\n"


def test_a_dry_run_shows_the_plan_and_writes_nothing(tmp_path):
    result = invoke("run", *SMALL, "--dry-run", "--out", str(tmp_path / "run"))
    assert "4 frames of 64x64" in result.stdout
    assert "level 0" in result.stdout
    assert not list(tmp_path.iterdir())


def test_validate():
    assert "the prompt is valid: 4 frames of 64x64" in invoke("validate", *SMALL).stdout


def test_the_prompt_is_not_ignored_where_the_states_are_written(tmp_path):
    spec = tmp_path / "story.yaml"
    spec.write_text("synopsis: {use: states, states: [a, b]}\n")
    result = CliRunner().invoke(cli, ["validate", str(spec), "--prompt", "a volcano wakes up"])
    assert result.exit_code == 2
    assert "states" in result.stderr


def test_synopsis_shows_states_anchors_and_frames():
    lines = invoke("synopsis", "--prompt", "a landscape from winter to autumn", "--set", "frames=64").stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("1. anchor   0  frames 0-10 ")
    assert lines[3].startswith("4. anchor  63  frames 53-63 ")


def test_synopsis_as_a_spec_runs_without_a_writer(tmp_path):
    spec = tmp_path / "written.yaml"
    spec.write_text(invoke("synopsis", *SMALL, "--yaml").stdout)
    assert "use: states" in spec.read_text()
    invoke("validate", str(spec))


def test_new_spec_is_valid_and_never_overwrites(tmp_path):
    spec = tmp_path / "story.yaml"
    invoke("new", "spec", str(spec), "--prompt", 'a "red" flower: opens')
    invoke("validate", str(spec))
    before = spec.read_text()
    result = CliRunner().invoke(cli, ["new", "spec", str(spec)])
    assert result.exit_code == 7
    assert spec.read_text() == before


def test_models():
    assert "miniworld" in invoke("models").stdout
    assert {"miniworld", "videocrafter2", "modelscope", "animatediff"} <= {
        model["use"] for model in json.loads(invoke("models", "--json").stdout)
    }


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["new", "spec"]])
def test_help_fits_80_columns(command):
    result = CliRunner().invoke(cli, [*command, "--help"], terminal_width=80)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_summaries_are_the_commands_own_first_lines():
    for name, command in COMMANDS.items():
        loaded = cli.get_command(click.Context(cli), name)
        assert loaded is not None
        assert loaded.help is not None
        assert loaded.help.splitlines()[0].rstrip(".").split()[0] == command.summary.split()[0], name


def interruptible() -> None:
    """A process whose parent ignores Ctrl-C, as one that a script started in the background does, would ignore it too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_within_two_steps_and_leaves_no_half_written_artifact(tmp_path):
    directory = tmp_path / "run"
    command = ["run", "--prompt", "a volcano wakes up", "--json", "--out", str(directory)]
    process = subprocess.Popen(
        [sys.executable, "-m", "vstar_sdk.cli.main", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    assert process.stdout is not None
    after, interrupted = 0, False
    for line in process.stdout:
        if json.loads(line)["kind"] == "step":
            after += interrupted
            if not interrupted:
                process.send_signal(signal.SIGINT)
                interrupted = True
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.returncode == 130
    assert after <= 2
    assert sorted(path.name for path in directory.iterdir()) == ["spec.yaml", "state", "synopsis.json"]


def test_json_events_end_with_the_error_as_data(tmp_path):
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(cli, ["run", *SMALL, "--json", "--out", str(tmp_path / "file")])
    assert result.exit_code == 7
    last = json.loads(result.stdout.splitlines()[-1])
    assert last["kind"] == "run_error"
    assert last["error"].keys() == {"type", "message", "hint", "exit_code"}
    assert (last["error"]["type"], last["error"]["exit_code"]) == ("OutputError", 7)
