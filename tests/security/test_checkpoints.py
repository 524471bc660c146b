"""Weights and states cannot run code: a pickle in their place is refused, and nothing in it is run."""

from __future__ import annotations

import ast
import os
import pickle
import shutil
from pathlib import Path

import pytest

from vstar_sdk import ModelError, RunPaused, SamplerError, Session, SpecError, VstarError

ROOT = Path(__file__).parents[2]

STORY = {
    "synopsis": {"use": "states", "states": ["winter", "autumn"]},
    "frames": 4,
    "size": "64x48",
    "sampling": {"steps": 2},
    "output": [{"use": "frames"}],
}


class Malice:
    """What makes a folder where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.fixture
def ran(tmp_path):
    """The folder that malice makes."""
    return tmp_path / "ran"


def test_malice_works_where_a_pickle_is_read(ran):
    """Else the tests below would pass whatever is read."""
    pickle.loads(pickle.dumps(Malice(ran)))  # noqa: S301
    assert ran.exists()


PARTS = ("unet", "vae", "text_encoder")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("named", ["pickle", "safetensors"])
def test_a_pickle_in_the_place_of_weights_is_refused_and_not_run(tiny_pipeline_dir, tmp_path, ran, part, named):
    """Of a folder in diffusers format: beside the name of a pickle, and under the name of the safetensors file."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_pipeline_dir, folder)
    (weights,) = (folder / part).glob("*.safetensors")
    pickled = {"model.safetensors": "pytorch_model.bin"}.get(weights.name, "diffusion_pytorch_model.bin")
    weights.unlink()
    (folder / part / (pickled if named == "pickle" else weights.name)).write_bytes(pickle.dumps(Malice(ran)))
    spec = STORY | {"model": {"use": "modelscope", "path": str(folder)}, "size": "16x16"}
    with Session() as session, pytest.raises(ModelError):
        session.run(spec)
    assert not ran.exists()


def test_a_pickle_in_the_place_of_a_state_is_refused_and_not_run(session, tmp_path, ran):
    with pytest.raises(RunPaused):
        session.start(STORY, out=tmp_path / "run", pause_after=1).result()
    written = [path for path in (tmp_path / "run" / "state").iterdir() if path.suffix not in (".json", ".yaml", ".png")]
    assert written
    for path in written:
        path.write_bytes(pickle.dumps(Malice(ran)))
    with pytest.raises(SamplerError):
        session.resume(tmp_path / "run").result()
    assert not ran.exists()


def test_a_pickle_in_the_place_of_latents_is_refused_and_not_run(session, tmp_path, ran):
    session.run(STORY, out=tmp_path / "run")
    (tmp_path / "run" / "latents.safetensors").write_bytes(pickle.dumps(Malice(ran)))
    with pytest.raises((SpecError, VstarError)):
        session.run(STORY | {"start": {"from": str(tmp_path / "run"), "keep": "0"}})
    assert not ran.exists()


CHECKPOINT = "vstar_sdk/models/videocrafter2/lvdm/checkpoint.py"
READS = {
    (CHECKPOINT, "torch.load"),  # with a list of allowed names, after what it names was looked at
    ("vstar_sdk/events.py", "pickle.loads"),  # of the bytes that it has just pickled itself, to see whether they can be read
}
"""The places that read a pickle."""


def calls(path: Path):
    """Calls in a file that could run code which the file does not hold."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in ("eval", "exec", "compile", "yaml.unsafe_load", "torch.load", "np.load", "numpy.load") or name.startswith(
            ("pickle.load", "marshal.", "shelve.", "joblib.", "dill.")
        ):
            yield name, node
        if any(one.arg == "trust_remote_code" and ast.unparse(one.value) != "False" for one in node.keywords):
            yield f"{name}(trust_remote_code)", node


def test_nothing_else_reads_pickles_or_runs_text():
    files = [*(ROOT / "vstar_sdk").rglob("*.py"), *(ROOT / "plugins").glob("*/vstar_*/**/*.py")]
    assert len(files) > 300
    found = {(path.relative_to(ROOT).as_posix(), name) for path in files for name, _ in calls(path)}
    assert found == READS
    ((_, node),) = calls(ROOT / CHECKPOINT)
    assert {word.arg: ast.unparse(word.value) for word in node.keywords}["weights_only"] == "True"
