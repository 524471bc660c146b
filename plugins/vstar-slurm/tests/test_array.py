"""Sweeps on arrays of jobs: submitit's processes of this machine in the place of a cluster."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError
from vstar_slurm import ArrayOptions
from vstar_slurm.array import Array

from vstar_sdk import VstarError, sweep_status
from vstar_sdk.testing.imports import private_imports

STORY = """
prompt: a volcano wakes up
frames: 4
size: 64x48
sampling: {steps: 1}
output: [{use: frames}]
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Slurm runs on Linux; submitit and these stand-ins need its signals")


@pytest.fixture
def vstar(tmp_path):
    """Start the command ``vstar`` with the plugin as pip leaves it; the spec is story.yaml, the sweep directory ``out``."""
    info = tmp_path / "site" / "vstar_slurm-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vstar-slurm\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[vstar_sdk]\nslurm = vstar_slurm\n")
    path = [str(info.parent), str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]

    def start(spec, *arguments):
        (tmp_path / "story.yaml").write_text(STORY + spec)
        command = [sys.executable, "-m", "vstar_sdk.cli.main", "sweep", "story.yaml", "-o", "out", *arguments]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def test_cells_are_dealt_out_among_jobs(vstar, tmp_path):
    ran = vstar("sweep: {seed: [1, 2]}\nexecutor: {use: slurm/array, cluster: local, jobs: 2, gpus: 0}\n", "--json")
    told, said = ran.communicate(timeout=300)
    assert ran.returncode == 0, said
    assert json.loads(told)["counts"]["done"] == 2
    logs = sorted(tmp_path.glob("out/slurm/*/*.out"))
    assert len(logs) == 2
    assert {"cell 0000: done", "cell 0001: done"} <= {line for log in logs for line in log.read_text().splitlines()}


def test_a_batch_script_holds_no_commands_of_a_spec():
    assert ArrayOptions(partition="gpu-a100,gpu", constraint="a100&nvlink").partition == "gpu-a100,gpu"
    for value in ("gpu\nrm -rf ~", "gpu\n", "$(id)", "a b", "-x", "'", ""):
        with pytest.raises(ValidationError):
            ArrayOptions(partition=value)


def test_what_a_cluster_is_asked_for(monkeypatch, tmp_path):
    """The batch script that submitit writes for Slurm, whose commands are stand-ins; this sbatch refuses."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (("srun", "exit 0"), ("sbatch", f'cp "$1" {tmp_path}/script.sh; echo no such partition >&2; exit 1')):
        (commands / name).write_text(f"#!/bin/sh\n{text}\n")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    options = ArrayOptions(jobs=8, minutes=30, partition="gpu", memory_gb=32)
    with pytest.raises(VstarError, match=r"rejects the jobs: .*no such partition"):
        Array(options).run(tmp_path / "story", [f"{number:04}" for number in range(5)])
    asked = re.findall(r"^#SBATCH --([a-z-]+)=(\S+)$", (tmp_path / "script.sh").read_text(), re.MULTILINE)
    wanted = {
        "job-name": "vstar-story",
        "time": "30",
        "gpus-per-node": "1",
        "cpus-per-task": "4",
        "mem": "32GB",
        "array": "0-4%5",
        "partition": "gpu",
    }
    assert {name: value for name, value in asked if name in wanted} == wanted
    assert not {"account", "qos", "constraint"} & {name for name, _ in asked}


def test_the_options_of_the_readme_are_options():
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (spec,) = re.findall(r"^```yaml\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    executor = yaml.safe_load(spec)["executor"]
    assert executor.pop("use") == "slurm/array"
    assert ArrayOptions(**executor).jobs == 8
    assert [name for name in ArrayOptions.model_fields if f"`{name}`" not in readme] == []


def test_only_public_names_are_used():
    assert private_imports(Path(__file__).parents[1] / "vstar_slurm") == []


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc"), reason="finds the jobs in /proc")
def test_jobs_that_are_killed_at_random_lose_no_cell(vstar, tmp_path):
    ran = vstar("sweep: {seed: {from: 1, to: 40}}\nexecutor: {use: slurm/array, cluster: local, jobs: 2, gpus: 0}\n", "-q")
    chance, killed, last, runs = random.Random(5), 0, 0, {}  # noqa: S311
    while ran.poll() is None:
        time.sleep(chance.random())
        for path in tmp_path.glob("out/cells/*/manifest.json"):
            runs.setdefault(path.parent.name, path.read_bytes())
        done = len(runs)
        if done >= last + 3 and (found := jobs(str(tmp_path / "out"))):
            os.kill(chance.choice(found), signal.SIGKILL)
            killed, last = killed + 1, done
    assert ran.returncode == 0, ran.stderr.read() if ran.stderr else ""
    assert killed >= 3
    print(f"{killed} jobs killed")
    assert sweep_status(tmp_path / "out").counts["done"] == 40
    for cell, content in runs.items():
        assert (tmp_path / "out" / "cells" / cell / "manifest.json").read_bytes() == content, "done twice"
    assert not list((tmp_path / "out").rglob(".vstar-cell"))


def jobs(folder):
    """The processes of submitit that do cells."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"submitit.core._submit" in words and any(folder.encode() in word for word in words):
            found.append(int(path.parent.name))
    return found
