"""Standard streams in any state: the video is made, and a document stands alone on stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.main import COMMANDS, cli

pytestmark = pytest.mark.skipif(os.name == "nt", reason="descriptors")

SMALL = ["--prompt", "a volcano wakes up", "--set", "frames=4", "--set", "sampling.steps=2"]

CHATTY = '''
"""A plugin that prints wherever it is called, in every way."""
import atexit, ctypes, os, subprocess, sys
from vstar_sdk import Options, RegularizerOptions, hookimpl

def chat(where):
    print("chatty:", where)
    sys.__stdout__.write(f"chatty, past sys.stdout: {where}\\n")
    os.write(1, b"chatty, by descriptor\\n")
    ctypes.CDLL(None).puts(b"chatty, from C")
    subprocess.run(["echo", "chatty, from a child"], check=True)

class Far(RegularizerOptions):
    """Far."""

class Regularizer:
    def __init__(self, options):
        self.options = options
        chat("factory")

    def operations(self, site):
        from vstar_sdk.attention.operations import Bias
        return [Bias(lambda distance: -0.1 * distance)]

@hookimpl
def register_regularizers(register):
    chat("hook")
    register("far", options=Far, factory=Regularizer, summary="Far.")

@hookimpl
def transform_synopsis(synopsis):
    chat("transform")

chat("import")
if "pytest" not in sys.modules:
    atexit.register(chat, "exit")
'''


def vstar(command, *, cwd=None, **environment):
    """Run a command line of the shell, in which ``vstar`` is the command."""
    line = command.replace("vstar ", f"{sys.executable} -m vstar_sdk.cli.main ", 1)
    return subprocess.run(["/bin/sh", "-c", line], env=os.environ | environment, cwd=cwd, capture_output=True, text=True)


def on_path(site):
    return os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])


def whole(directory: Path):
    return {"manifest.json", "spec.yaml", "synopsis.json", "video.mp4"} <= {path.name for path in directory.iterdir()}


RUN = "vstar run --prompt 'a volcano wakes up' --set frames=4 --set sampling.steps=2 --out run"


def test_a_video_is_made_where_every_stream_is_closed(tmp_path):
    assert vstar(f"{RUN} 0<&- 1>&- 2>&-", cwd=tmp_path).returncode == 0
    assert whole(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["0<&-", "1>&-", "2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1", "2>&1 | :"])
def test_a_video_is_made_whatever_the_streams_are(tmp_path, how):
    assert vstar(f"{RUN} {how}", cwd=tmp_path).returncode == 0
    assert whole(tmp_path / "run")


@pytest.mark.slow
def test_events_that_a_full_disk_does_not_take_end_no_run_and_are_told(tmp_path):
    done = vstar(f"{RUN} --json >/dev/full", cwd=tmp_path)
    assert done.returncode == 7
    assert "error: stdout cannot be written: No space left on device" in done.stderr
    assert whole(tmp_path / "run")


def test_a_video_is_made_where_there_are_no_streams(tmp_path, monkeypatch):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    cli.main(["run", *SMALL, "--out", str(tmp_path / "run")], standalone_mode=False)
    assert whole(tmp_path / "run")


@pytest.mark.parametrize("command", ["schema --core", "run --help", "--help", "--version"])
def test_a_document_that_stdout_does_not_take_is_an_error(command):
    done = vstar(f"vstar {command} >/dev/full")
    assert done.returncode == 7
    assert done.stderr.splitlines()[0] == "error: stdout cannot be written: No space left on device"
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def chatty(tmp_path_factory):
    """A folder in which a plugin is installed that prints wherever it is called."""
    site = tmp_path_factory.mktemp("site")
    (site / "vstar_chatty.py").write_text(CHATTY)
    about = site / "vstar_chatty-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: vstar-chatty\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[vstar_sdk]\nchatty = vstar_chatty\n")
    return site


def test_a_document_stands_alone_whatever_a_plugin_prints(chatty, tmp_path):
    (tmp_path / "story.yaml").write_text(
        "prompt: a landscape from winter to autumn\nframes: 4\nregularizers: [{use: chatty/far}]\nplugins: [chatty]\n"
    )
    done = vstar("vstar synopsis story.yaml --yaml", PYTHONPATH=on_path(chatty), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(yaml.safe_load(done.stdout))[:2] == ["version", "prompt"]
    told = [line.strip() for line in done.stdout.splitlines() if "chatty" in line]
    assert sorted(told) == ["- chatty", "- use: chatty/far"]
    for where in ("import", "hook", "factory", "transform", "exit"):
        assert f"chatty: {where}" in done.stderr
        assert f"chatty, past sys.stdout: {where}" in done.stderr
    for way in ("by descriptor", "from C", "from a child"):
        assert f"chatty, {way}" in done.stderr


@pytest.mark.parametrize("command", ["schema", "models --json", "plugins --json", "templates --json", "templates list --json"])
@pytest.mark.slow
def test_every_document_stands_alone(chatty, command):
    done = vstar(f"vstar {command}", PYTHONPATH=on_path(chatty))
    json.loads(done.stdout)
    assert "chatty: import" in done.stderr


def test_events_stand_alone_in_a_program_that_calls_the_command(chatty, tmp_path, monkeypatch, capfd):
    monkeypatch.syspath_prepend(chatty)
    arguments = ["run", *SMALL, "--json", "--set", "regularizers=[{use: chatty/far}]", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.stderr
    assert [json.loads(line)["kind"] for line in result.stdout.splitlines()][-1] == "run_end"
    assert "chatty: factory" in result.stderr


def test_every_command_keeps_its_stdout_apart():
    def leaves(command, context):
        if not isinstance(command, click.Group):
            yield command
            return
        for name in command.commands:
            yield from leaves(command.commands[name], context)

    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert all(isinstance(leaf, Command) for leaf in leaves(command, None)), name


def test_a_file_holds_utf8_whatever_the_locale_says(tmp_path):
    spec = "prompt: 日本\nframes: 4\nsynopsis: {use: states, states: [雪の山]}\n"
    (tmp_path / "story.yaml").write_text(spec, encoding="utf-8")
    done = vstar("vstar synopsis story.yaml --yaml > out.yaml", cwd=tmp_path, PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load((tmp_path / "out.yaml").read_text(encoding="utf-8"))["prompt"] == "日本"
