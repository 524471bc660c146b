"""Sweeps on actors of Ray: a cluster of this machine, some of whose processes are killed."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from vstar_ray import ActorsOptions

from vstar_sdk import Guard, SpecError, VstarError, sweep_status
from vstar_sdk.spec.document import Document
from vstar_sdk.testing.executors import check_executor, sample_sweep
from vstar_sdk.testing.imports import private_imports
from vstar_sdk.testing.plugins import check_plugin

pytest.importorskip("ray", reason="Ray has no wheel for every Python; pip install ray")

MARK = "VSTAR_TEST_CLUSTER"


@pytest.fixture(scope="module")
def cluster():
    """A cluster that the program holds; its processes carry a mark in their environment."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, "of the fixture")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            address="local",
            num_cpus=2,
            object_store_memory=128 << 20,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
        )
        yield "of the fixture"
        ray.shutdown()


def actors(**options: object):
    from vstar_ray.actors import Actors

    return Actors(ActorsOptions.model_validate(options))


def at_work(mark: str) -> list[int]:
    """The processes of workers whose environment has the mark."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            named = (folder / "cmdline").read_bytes().startswith(b"ray::Worker")
            if named and f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def killed(
    sweep: Path, mark: str, chance: random.Random, *, at_most: int, going: threading.Event
) -> tuple[int, dict[str, bytes]]:
    """Kill workers at random moments, while a sweep goes on; how many, and each manifest as it was first seen."""
    count, last, runs = 0, 0, {}
    while going.is_set():
        time.sleep(chance.random() / 2)
        for path in sweep.glob("cells/*/manifest.json"):
            runs.setdefault(path.parent.name, path.read_bytes())
        if count < at_most and len(runs) >= last + 2 and (found := at_work(mark)):
            os.kill(chance.choice(found), signal.SIGKILL)
            count, last = count + 1, len(runs)
    return count, runs


def check_whole(sweep: Path, runs: dict[str, bytes], cells: int) -> None:
    assert sweep_status(sweep).counts["done"] == cells
    for cell, content in runs.items():
        assert (sweep / "cells" / cell / "manifest.json").read_bytes() == content, "done twice"
    assert not list(sweep.rglob(".vstar-cell"))
    assert not list(sweep.rglob("state"))


def test_it_does_what_executors_do(cluster, tmp_path):
    check_executor(lambda: actors(workers=1), tmp_path)


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="finds the actors in /proc")
@pytest.mark.slow
def test_a_worker_that_is_killed_loses_no_cell_and_none_is_done_twice(cluster, tmp_path):
    sweep = sample_sweep(tmp_path / "sweep", cells=8)
    going = threading.Event()
    going.set()
    seen: list[tuple[int, dict[str, bytes]]] = []
    thread = threading.Thread(
        target=lambda: seen.append(killed(sweep.directory, cluster, random.Random(1), at_most=1, going=going))  # noqa: S311
    )
    thread.start()
    try:
        actors(workers=2).run(sweep.directory, [cell.id for cell in sweep.cells])
    finally:
        going.clear()
        thread.join()
    ((count, runs),) = seen
    assert count == 1
    check_whole(sweep.directory, runs, 8)


@pytest.mark.slow
def test_workers_that_the_cluster_has_no_room_for_are_not_waited_for(cluster, tmp_path):
    sweep = sample_sweep(tmp_path / "sweep", cells=3)
    actors(workers=3, cpus=2).run(sweep.directory, [cell.id for cell in sweep.cells])
    assert sweep_status(sweep.directory).counts["done"] == 3


@pytest.mark.slow
def test_workers_that_can_do_nothing_end_the_sweep_with_what_they_said(cluster, tmp_path):
    sweep = sample_sweep(tmp_path / "sweep", cells=2)
    (tmp_path / "sweep" / "sweep.json").write_text("{}")
    with pytest.raises(VstarError, match=r"die before they do anything; one said: .*cannot be read"):
        actors(workers=1).run(sweep.directory, ["0000"])


def test_an_address_of_strangers_is_refused_by_a_guard():
    def check(address: str, *hosts: str):
        Guard(hosts=hosts).check(ActorsOptions(address=address), Document({}))

    check("ray://head:10001", "head:10001")
    check("10.0.0.1:6379", "10.0.0.1:6379")
    for address in ("ray://head:10001", "10.0.0.1:6379", "auto"):
        with pytest.raises(SpecError, match=r"guarded: address: the server"):
            check(address, "head", "10.0.0.1", "auto")


def test_the_plugin_is_well():
    import vstar_ray

    check_plugin(vstar_ray, "ray")


def test_the_options_of_the_readme_are_options():
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (spec,) = re.findall(r"^```yaml\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    executor = yaml.safe_load(spec)["executor"]
    assert executor.pop("use") == "ray/actors"
    assert ActorsOptions(**executor).workers == 8
    assert [name for name in ActorsOptions.model_fields if f"`{name}`" not in readme] == []


def test_only_public_names_are_used():
    assert private_imports(Path(__file__).parents[1] / "vstar_ray") == []


STORY = """
prompt: a volcano wakes up
frames: 4
size: 64x48
output: [{use: frames}]
executor: {use: ray/actors, workers: 2}
"""


@pytest.fixture
def command(tmp_path):
    """Start the command with a spec, a cluster of its own, and the plugin as pip leaves it; the sweep directory is ``out``."""
    info = tmp_path / "site" / "vstar_ray-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vstar-ray\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[vstar_sdk]\nray = vstar_ray\n")
    path = [str(info.parent), str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), MARK: str(tmp_path)}

    def start(spec: str) -> subprocess.Popen[bytes]:
        (tmp_path / "story.yaml").write_text(STORY + spec)
        words = [sys.executable, "-m", "vstar_sdk.cli.main", "sweep", "story.yaml", "-o", "out", "-q"]
        return subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, preexec_fn=with_ctrl_c)

    return start


def with_ctrl_c():
    """A test runner may ignore it, and its children would, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc"), reason="finds the actors in /proc")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_whatever_ends_the_command_ends_its_actors_and_the_same_command_goes_on(command, tmp_path, name, code):
    process = command("sampling: {steps: 60}\nsweep: {seed: [1, 2]}\n")
    while not list(tmp_path.glob("out/cells/*/state/sampler")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(getattr(signal, name))
    assert process.wait(120) == code
    assert at_work(str(tmp_path)) == []
    status = sweep_status(tmp_path / "out")
    assert "interrupted" in status.states.values()
    assert "running" not in status.states.values()
    assert command("sampling: {steps: 60}\nsweep: {seed: [1, 2]}\n").wait() == 0
    assert sweep_status(tmp_path / "out").counts["done"] == 2


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc"), reason="finds the actors in /proc")
def test_actors_that_are_killed_at_random_lose_no_cell(command, tmp_path):
    process = command("sampling: {steps: 1}\nsweep: {seed: {from: 1, to: 40}}\n")

    class Going(threading.Event):
        def is_set(self) -> bool:
            return process.poll() is None

    count, runs = killed(tmp_path / "out", str(tmp_path), random.Random(7), at_most=40, going=Going())  # noqa: S311
    assert process.returncode == 0
    print(f"{count} actors killed")
    assert count >= 8
    check_whole(tmp_path / "out", runs, 40)
