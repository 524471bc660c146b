"""``vstar sweep`` and ``vstar status`` from outside: real processes, some of which die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from tests.sweeps.conftest import STORY
from vstar_sdk.cli.main import cli
from vstar_sdk.runs.belongings import unsealed
from vstar_sdk.sweeps.index import Sweep
from vstar_sdk.sweeps.status import Failed, SweepStatus

KILLER = """
    import os, signal
    from vstar_sdk import hookimpl
    @hookimpl
    def on_run_start(event):
        if event.seed == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if event.seed == 2:
            raise KeyError("a fault of the plugin")
    @hookimpl
    def transform_frames(frames, clip):
        if "seed: 2" in clip.spec:
            raise KeyError("a fault of the plugin")
"""


@pytest.fixture
def story(packages, tmp_path):
    """A spec whose seed 1 kills its process, and whose seed 2 fails."""
    packages.add("killer", KILLER)
    path = tmp_path / "story.yaml"
    path.write_text(f"{STORY}plugins: [killer]\nsweep: {{seed: {{from: 0, to: 3}}}}\n")
    return path


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Call the command ``vstar`` in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, arguments)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_cell_that_kills_its_process_does_not_end_the_sweep(packages, story):
    command = ["sweep", story, "-o", "out", "--workers", "2", "-s", "executor.attempts=2"]
    ran = packages.vstar(*command)
    assert ran.returncode == 1, ran.stderr
    assert ran.stdout == "out\n"
    assert "2 of 4 cells failed" in ran.stderr
    sweep = Sweep.read(packages.folder / "out")
    assert list(SweepStatus.of(sweep).states.values()) == ["done", "failed", "failed", "done"]
    killed, failed = Failed.read(sweep.path("0001")), Failed.read(sweep.path("0002"))
    assert killed is not None
    assert failed is not None
    assert (killed.attempts, killed.message) == (2, "its process died 2 times in this cell, without progress")
    assert (failed.attempts, failed.type) == (1, "PluginError")
    report = packages.vstar("status", "out")
    assert report.stdout.startswith("2 of 4 cells done (2 failed)\n")
    assert "failed 0002  seed=2" in report.stdout
    # The same command passes over them all; with --retry-failed the failed ones are done again.
    assert packages.vstar(*command).returncode == 1
    mended = "from vstar_sdk import hookimpl\n@hookimpl\ndef on_run_start(event):\n    pass\n"
    packages.folder.joinpath("vstar_killer_module.py").write_text(mended)
    again = packages.vstar(*command, "--retry-failed", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["counts"]["done"] == 4
    assert not list((packages.folder / "out").rglob(".vstar-cell"))


def test_a_sweep_on_this_machine(invoke, tmp_path):
    (tmp_path / "story.yaml").write_text(f"{STORY}sweep: {{seed: [1, 2]}}\n")
    ran = invoke("sweep", "story.yaml", "--workers", "1")
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout == "sweeps/story\n"
    assert ran.stderr.endswith("2 of 2 cells done\n")
    log = (tmp_path / "sweeps/story/logs/worker-1.log").read_text()
    assert [line.partition("] ")[2] for line in log.splitlines()] == [
        "cell 0000: seed=1",
        "cell 0000: done",
        "cell 0001: seed=2",
        "cell 0001: done",
    ]
    assert json.loads(invoke("status", "sweeps/story", "--json", "--watch").stdout)["counts"]["done"] == 2
    assert invoke("sweep", "story.yaml", "-q").stdout == "sweeps/story\n"
    assert (tmp_path / "sweeps/story/logs/worker-1.log").read_text() == log


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("run story.yaml", "story.yaml:6:1: sweep: this spec has a key 'sweep'"),
        ("sweep run.yaml", "run.yaml:1:1: has no key 'sweep'"),
        ("sweep story.yaml --seed 3", "--seed: the sweep sets it in every cell"),
        ("sweep story.yaml --set seed=3", "--set seed: the sweep sets it in every cell"),
        ("sweep story.yaml --executor cloud", "--executor: executor.use: unknown executor 'cloud'. Known: local."),
        ("sweep story.yaml -s executor.workers=0", "--set executor.workers: must be greater than or equal to 1"),
    ],
)
def test_what_is_no_sweep(invoke, tmp_path, command, said):
    (tmp_path / "story.yaml").write_text(f"{STORY}sweep: {{seed: [1, 2]}}\n")
    (tmp_path / "run.yaml").write_text(STORY)
    ran = invoke(*command.split())
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert not (tmp_path / "sweeps").exists()


def test_a_dry_run_shows_cells_and_writes_nothing(invoke, tmp_path):
    (tmp_path / "story.yaml").write_text(f"{STORY}sweep: {{seed: {{from: 1, to: 12}}}}\n")
    text = invoke("sweep", "story.yaml", "--dry-run").stdout
    assert text.startswith("12 cells: 12 of seed; all are valid, 1 were planned\n  0000  seed=1\n")
    assert "  ... and 4 more\n" in text
    data = json.loads(invoke("sweep", "story.yaml", "--dry-run", "--json").stdout)
    assert data["cells"][1] == {"id": "0001", "title": "seed=2", "set": {"seed": 2}}
    assert [path.name for path in tmp_path.iterdir()] == ["story.yaml"]
    assert invoke("status", ".").exit_code == 7


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_whatever_ends_the_command_ends_its_workers_and_the_same_command_goes_on(packages, tmp_path, name):
    (tmp_path / "story.yaml").write_text(f"{STORY.replace('steps: 1', 'steps: 60')}sweep: {{seed: [1, 2]}}\n")
    command = [
        sys.executable,
        "-m",
        "vstar_sdk.cli.main",
        "sweep",
        str(tmp_path / "story.yaml"),
        "-o",
        str(tmp_path / "out"),
        "-q",
    ]
    process = subprocess.Popen(command, start_new_session=True, preexec_fn=_with_ctrl_c)
    while not list(tmp_path.glob("out/cells/*/state/*")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(getattr(signal, name))
    assert process.wait(60) == {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -9}[name]
    sweep = Sweep.read(tmp_path / "out")
    while name == "SIGKILL" and SweepStatus.of(sweep).counts["running"]:
        time.sleep(0.1)
    assert SweepStatus.of(sweep).counts["running"] == 0
    assert subprocess.run([*command, "-s", "executor.workers=2"]).returncode == 0
    assert SweepStatus.of(sweep).counts["done"] == 2


def _with_ctrl_c():
    """A test runner may ignore it, and its children would, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc"), reason="finds the workers in /proc")
def test_workers_that_are_killed_at_random_lose_no_cell_and_do_none_twice(packages, tmp_path):
    import random

    (tmp_path / "story.yaml").write_text(f"{STORY}sweep: {{seed: {{from: 1, to: 20}}, sampling.steps: [1, 2]}}\n")
    command = [sys.executable, "-m", "vstar_sdk.cli.main", "sweep", str(tmp_path / "story.yaml"), "-o", str(tmp_path / "out")]
    process = subprocess.Popen([*command, "--workers", "2", "-q"])
    chance, killed, last, runs = random.Random(3), 0, 0, {}  # noqa: S311
    while process.poll() is None:
        time.sleep(chance.random())
        for path in tmp_path.glob("out/cells/*/manifest.json"):
            runs.setdefault(path.parent.name, path.read_bytes())
        if len(runs) >= last + 2 and (found := workers(process.pid)):
            os.kill(chance.choice(found), signal.SIGKILL)
            killed, last = killed + 1, len(runs)
    assert process.returncode == 0
    print(f"{killed} workers killed")
    assert killed >= 8
    sweep = Sweep.read(tmp_path / "out")
    assert SweepStatus.of(sweep).counts["done"] == 40
    for cell in sweep.cells:
        content = (sweep.path(cell) / "manifest.json").read_bytes()
        assert runs.get(cell.id, content) == content, "done twice"
        record = unsealed(content)
        assert record is not None
        assert record["seed"] == sweep.overrides(cell)["seed"]
    assert not list((tmp_path / "out").rglob(".vstar-cell"))
    assert not list((tmp_path / "out").rglob("state"))


def workers(parent):
    """The processes that a process has started."""
    with open(f"/proc/{parent}/task/{parent}/children") as file:
        return [int(number) for number in file.read().split()]
