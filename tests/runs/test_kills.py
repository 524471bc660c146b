"""A run that is ended at any moment, in any way: what is to be seen is whole, and the next run leaves nothing of it."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest
import yaml
from PIL import Image

from vstar_sdk import OutputError
from vstar_sdk.output.digests import digest
from vstar_sdk.runs.belongings import unsealed
from vstar_sdk.runs.unfinished import resumable
from vstar_sdk.sampling.tensor_file import read_tensors

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="signals")]

MOMENTS = 40
SIGNALS = ["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT"]
FRAMES = 12

OUTPUT = [{"use": "mp4"}, {"use": "gif"}, {"use": "frames"}, {"use": "contact-sheet", "path": "sheets/story.png"}]
STORY = {"prompt": "a volcano wakes up", "frames": FRAMES, "sampling": {"steps": 3}, "output": OUTPUT}
NEXT = {"prompt": "a red flower opens", "frames": 4, "sampling": {"steps": 1}, "output": [{"use": "gif"}]}


@pytest.fixture(scope="module")
def events(session, tmp_path_factory):
    """How many events an undisturbed run tells."""
    job = session.start(STORY, out=tmp_path_factory.mktemp("undisturbed") / "run")
    return len(list(job.events()))


@pytest.fixture(scope="module")
def finished(session, tmp_path_factory):
    """A run of fewer frames, with artifacts of the same names."""
    return session.run(STORY | {"frames": 5}, out=tmp_path_factory.mktemp("finished") / "run").directory


def run_and_end(directory: Path, number: int, after: int, pause: float) -> int:
    """Run the command, and send it a signal some time after an event; its exit code."""
    (directory.parent / "story.json").write_text(json.dumps(STORY))
    command = [sys.executable, "-m", "vstar_sdk.cli.main", "run", "story.json", "--json", "--out", str(directory)]
    process = subprocess.Popen(command, cwd=directory.parent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    for _ in range(after):
        process.stdout.readline()
    time.sleep(pause)
    process.send_signal(number)
    process.stdout.read()
    return process.wait()


def check_whole(directory: Path) -> None:
    """Everything that is to be seen is a whole run, or by itself whole."""
    manifest = directory / "manifest.json"
    if manifest.exists():
        record = unsealed(manifest.read_bytes())
        assert record is not None
        for entry in (*record["artifacts"], *record["files"]):
            assert digest(directory / entry["path"]) == entry["sha256"], entry["path"]
    counts = {4, 5, 6, FRAMES}
    for path in directory.iterdir():
        match path.name:
            case "video.mp4":
                with av.open(str(path)) as video:
                    assert sum(1 for _ in video.decode(video=0)) in counts
            case "video.gif":
                assert getattr(Image.open(path), "n_frames", 1) > 1
            case "frames":
                stills = list(path.iterdir())
                assert len(stills) in counts
                assert all(Image.open(still).load() for still in stills)
            case "sheets":
                assert all(Image.open(sheet).load() for sheet in path.glob("[!.]*"))
            case "spec.yaml":
                assert yaml.safe_load(path.read_text())["frames"] in counts
            case "latents.safetensors":
                assert read_tensors(path)["latents"].shape[2] in counts
            case "state":
                for part in path.glob("[!.]*"):
                    assert part.name in ("about.json", "spec.yaml", "story.json") or read_tensors(part) is not None
            case "synopsis.json":
                assert json.loads(path.read_text())["states"]
            case name:
                assert name == "manifest.json" or name.startswith("."), name


def names(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_run_that_is_ended_at_any_moment(session, events, finished, tmp_path, moment):
    chance = random.Random(moment)  # noqa: S311
    directory, name = tmp_path / "run", SIGNALS[moment % 4]
    number = getattr(signal, name)
    if moment // 4 % 2:
        shutil.copytree(finished, directory)
    ended = run_and_end(directory, number, chance.randint(1, events), chance.random() / 10)
    if ended == -number and name != "SIGKILL":  # while the program left, its run done
        assert (directory / "manifest.json").exists()
        assert yaml.safe_load((directory / "spec.yaml").read_text())["frames"] == FRAMES
    else:
        assert ended in ({0, -number} if name == "SIGKILL" else {0, 128 + number})
    if directory.exists():
        check_whole(directory)
        if name != "SIGKILL":
            assert not [name for name in names(directory) if "." in (name[0], Path(name).name[0])]
    session.run(NEXT, out=directory)
    assert names(directory) == ["latents.safetensors", "manifest.json", "spec.yaml", "synopsis.json", "video.gif"]
    check_whole(directory)


KILLS = 100


@pytest.fixture(scope="module")
def undisturbed(session, tmp_path_factory):
    """The digests of an undisturbed run's artifacts."""
    directory = session.run(LONG, out=tmp_path_factory.mktemp("whole") / "run").directory
    return {name: digest(directory / name) for name in ("video.gif", "frames", "latents.safetensors", "spec.yaml")}


LONG = {
    "prompt": "a volcano wakes up",
    "frames": 6,
    "seed": 5,
    "sampling": {"steps": 6, "eta": 1.0},
    "output": [{"use": "gif"}, {"use": "frames"}],
}


@pytest.mark.parametrize("moment", range(KILLS))
def test_a_run_that_is_killed_goes_on_to_the_same_bytes(session, events, undisturbed, tmp_path, moment):
    chance, directory = random.Random(1000 + moment), tmp_path / "run"  # noqa: S311
    (tmp_path / "story.json").write_text(json.dumps(LONG))
    command = [sys.executable, "-m", "vstar_sdk.cli.main", "run", "story.json", "--json", "--out", str(directory)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    for _ in range(chance.randint(1, events)):
        process.stdout.readline()
    time.sleep(chance.random() / 10)
    process.kill()
    process.stdout.read()
    process.wait()
    if directory.exists():
        check_whole(directory)
    if resumable(directory):
        session.resume(directory).result()
    elif not (directory / "manifest.json").exists():  # it was killed before it had begun
        session.run(LONG, out=directory)
    elif (directory / "state").exists():  # it was killed while the state of a run that is whole was being removed
        with pytest.raises(OutputError, match="is finished"):
            session.resume(directory)
    assert {name: digest(directory / name) for name in undisturbed} == undisturbed
    assert not (directory / "state").exists()
