"""The promises of docs/security.md that are about a whole process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc"), reason="the watch finds open folders in /proc")

MINIWORLD = "prompt: a volcano wakes up\nframes: 8\n"
ASKING = """
prompt: a volcano wakes up
synopsis: {use: llm, template: ./mine.jinja, backend: {use: transformers, model: nobody/nothing}}
"""
"""A spec whose template is a stranger's, and whose language model is on the hub: it is asked by a run alone."""

COMMANDS = """
from vstar_sdk.cli.main import cli
for arguments in {commands!r}:
    cli(arguments, standalone_mode=False)
"""


@pytest.fixture
def work(tmp_path, watched):
    folder = tmp_path / "work"
    (folder / "story.yaml").write_text(MINIWORLD)
    (folder / "asking.yaml").write_text(ASKING)
    (folder / "mine.jinja").write_text((ROOT / "templates" / "key-states.jinja").read_text(encoding="utf-8"))
    return folder


def test_the_watch_sees_sockets_writes_and_those_of_children(watched, tmp_path):
    """Else the tests below would find nothing whatever is done."""
    code = "import socket, pathlib; socket.socket().close(); pathlib.Path('a').write_text(''); pathlib.Path('b').mkdir()"
    seen = watched(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)")
    assert [event for event, _ in seen.sockets] == ["socket.__new__"]
    assert {str(tmp_path / "work" / "a"), str(tmp_path / "work" / "b")} <= seen.writes
    assert seen.new == {"work/a"}
    assert len(seen.processes) == 1


def test_validating_opens_no_socket_and_writes_no_file(watched, work):
    seen = watched(COMMANDS.format(commands=[["validate", "story.yaml", "asking.yaml"]]))
    assert seen.output.count("is valid") == 2
    assert seen.sockets == []
    assert seen.outside() == set()
    assert seen.new == set()
    (child,) = seen.processes  # the sandbox of the stranger's template, which opens no file: tests/templating/test_sandbox.py
    assert "vstar_sdk.templating.sandbox.child" in " ".join(child)


def test_planning_opens_no_socket_and_writes_the_cache_alone(watched, work, tmp_path):
    seen = watched(COMMANDS.format(commands=[["plan", "story.yaml"], ["run", "story.yaml", "--dry-run"]]))
    assert seen.sockets == []
    assert seen.outside(tmp_path / "cache", tmp_path / "temporary") == set()  # torch makes an empty folder for itself
    assert {name.split("/")[0] for name in seen.new} <= {"cache"}
    assert seen.processes == []


NAMES = """
import sys
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.loading import load_spec
make_plan(load_spec({spec!r}))
print(*sorted(name for name in sys.modules if name.startswith("vstar_") and name.partition(".")[0] != "vstar_sdk"))
"""


@pytest.mark.parametrize(("plugins", "imported"), [([], ""), (["example"], "vstar_example")])
def test_only_plugins_that_a_spec_names_are_imported(watched, tmp_path, plugins, imported):
    spec = {"prompt": "a volcano wakes up", "frames": 8, "plugins": plugins}
    seen = watched(NAMES.format(spec=spec))
    assert {name.partition(".")[0] for name in seen.output.split()} == set(imported.split())
    assert seen.sockets == []
    assert seen.outside(tmp_path / "cache", tmp_path / "temporary") == set()  # the import is tried in a child process first
    assert {name.split("/")[0] for name in seen.new} <= {"cache"}


def test_a_run_opens_no_socket_and_writes_below_its_directory_and_the_cache_alone(watched, work, tmp_path):
    """With everything that is on by default and all exporters: no telemetry, no updates, no counting."""
    outputs = "output=[{use: mp4}, {use: gif}, {use: frames}, {use: contact-sheet}]"
    metrics = "metrics=[{use: flicker}, {use: miniworld}]"
    arguments = ["run", "story.yaml", "-o", "out", "-q", "-s", "sampling.steps=2", "-s", outputs, "-s", metrics]
    seen = watched(COMMANDS.format(commands=[arguments]))
    assert (work / "out" / "manifest.json").exists()
    assert seen.sockets == []
    assert seen.outside(work / "out", tmp_path / "cache", tmp_path / "temporary") == set()
    assert {name.split("/")[0] for name in seen.new} == {"work", "cache"}
    assert all(name.startswith("work/out/") for name in seen.new if name.startswith("work/"))
    assert [command for command in seen.processes if command[0] != "uname"] == []  # Python's platform asks for the processor
