"""``vstar sweep`` and ``vstar status`` from outside: real processes, some of which die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.sweeps.conftest import STORY
from vstar_sdk.runs.belongings import unsealed
from vstar_sdk.sweeps.index import Sweep
from vstar_sdk.sweeps.status import Failed, Status

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


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_cell_that_kills_its_process_does_not_end_the_sweep(packages, story):
    command = ["sweep", story, "-o", "out", "--workers", "2", "-s", "executor.attempts=2"]
    ran = packages.vstar(*command)
    assert ran.returncode == 1, ran.stderr
    assert ran.stdout == "out\n"
    assert "2 of 4 cells failed" in ran.stderr
    sweep = Sweep.read(packages.folder / "out")
    assert list(Status.of(sweep).states.values()) == ["done", "failed", "failed", "done"]
    killed, failed = Failed.read(sweep.path("0001")), Failed.read(sweep.path("0002"))
    assert killed is not None
    assert failed is not None
    assert (killed.attempts, killed.message) == (2, "its process died 2 times at this cell, before it came further")
    assert (failed.attempts, failed.type) == (1, "PluginError")
    told = packages.vstar("status", "out")
    assert told.stdout.startswith("2 of 4 cells done (2 failed)\n")
    assert "failed 0002  seed=2" in told.stdout
    # The same command passes over them all; with --retry-failed the failed ones are done again.
    assert packages.vstar(*command).returncode == 1
    mended = "from vstar_sdk import hookimpl\n@hookimpl\ndef on_run_start(event):\n    pass\n"
    packages.folder.joinpath("vstar_killer_module.py").write_text(mended)
    again = packages.vstar(*command, "--retry-failed", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["counts"]["done"] == 4
    assert not list((packages.folder / "out").rglob(".vstar-cell"))


def test_a_sweep_is_no_run_and_a_run_no_sweep(packages, tmp_path):
    (tmp_path / "story.yaml").write_text(f"{STORY}sweep: {{seed: [1, 2]}}\n")
    ran = packages.vstar("run", tmp_path / "story.yaml")
    assert ran.returncode == 2
    assert "story.yaml:6:1: sweep: this is the spec of a sweep" in ran.stderr
    (tmp_path / "run.yaml").write_text(STORY)
    ran = packages.vstar("sweep", tmp_path / "run.yaml")
    assert ran.returncode == 2
    assert "has no key 'sweep'" in ran.stderr
    ran = packages.vstar("sweep", tmp_path / "story.yaml", "--seed", "3")
    assert ran.returncode == 2
    assert "--set seed: the sweep sets it in every cell" in ran.stderr
    ran = packages.vstar("sweep", tmp_path / "story.yaml", "--executor", "cloud")
    assert ran.returncode == 2
    assert "--executor: executor.use: unknown executor 'cloud'. Known: local." in ran.stderr
    ran = packages.vstar("sweep", tmp_path / "story.yaml", "--dry-run", "--json", "--workers", "1")
    assert [cell["set"] for cell in json.loads(ran.stdout)["cells"]] == [{"seed": 1}, {"seed": 2}]
    assert packages.vstar("status", tmp_path).returncode == 7
    assert not (packages.folder / "sweeps").exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_the_workers_and_the_same_command_goes_on(packages, tmp_path):
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
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    sweep = Sweep.read(tmp_path / "out")
    assert Status.of(sweep).counts["running"] == 0
    assert subprocess.run([*command, "-s", "executor.workers=2"]).returncode == 0
    assert Status.of(sweep).counts["done"] == 2


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
    chance, killed, runs = random.Random(3), 0, {}  # noqa: S311
    while process.poll() is None:
        time.sleep(0.1 + 6 * chance.random())
        found = workers(process.pid)
        if found and process.poll() is None:
            os.kill(chance.choice(found), signal.SIGKILL)
            killed += 1
        for path in tmp_path.glob("out/cells/*/manifest.json"):
            runs.setdefault(path.parent.name, path.read_bytes())
    assert process.returncode == 0
    assert killed >= 3
    sweep = Sweep.read(tmp_path / "out")
    assert Status.of(sweep).counts["done"] == 40
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
