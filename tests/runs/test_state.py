"""The state of a run between its stages: written, read in another process, and gone on from to the same bytes."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from vstar_sdk import Session
from vstar_sdk.errors import SamplerError
from vstar_sdk.plugin.transforms import Transforms
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.runs.run import Run
from vstar_sdk.runs.stages.encode import encode
from vstar_sdk.runs.stages.load import load
from vstar_sdk.runs.stages.sample import sample
from vstar_sdk.runs.stages.synopsis import synopsis
from vstar_sdk.runs.state import RunState, made
from vstar_sdk.sampling.tensor_file import read_tensors
from vstar_sdk.spec.loading import load_spec

STORY = {
    "prompt": "a landscape from winter to autumn",
    "frames": 4,
    "seed": 3,
    "regularizers": [{"use": "tar", "sigma": {0: 1}, "window": [0, 0.7]}],
    "sampling": {"steps": 4, "scheduler": "ddim", "eta": 1.0},
}


def begun(spec=STORY, told=None):
    plan = make_plan(load_spec(spec))
    return Run("r", plan, Transforms(()), emit=(told if told is not None else []).append, check=lambda: None)


def stopped(until, folder):
    """The state after some steps, written on the way."""
    run = begun()
    state = synopsis(run, RunState())
    adapter = load(run, Models())
    state = sample(run, adapter, encode(run, adapter, state), until=until)
    state.write(folder)
    return state


SECOND = """
import sys
from pathlib import Path
from tests.runs.test_state import begun
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.stages.encode import encode
from vstar_sdk.runs.stages.load import load
from vstar_sdk.runs.stages.sample import sample
from vstar_sdk.runs.state import RunState

run, folder = begun(), Path(sys.argv[1])
adapter = load(run, Models())
sample(run, adapter, encode(run, adapter, RunState.read(folder))).write(folder)
"""


def test_another_process_finishes_the_run_to_the_same_bytes(tmp_path, request):
    with Session() as session:
        whole = session.run(STORY)
    state = stopped(2, tmp_path)
    assert state.latents is None
    subprocess.run([sys.executable, "-c", SECOND, str(tmp_path)], check=True, cwd=request.config.rootpath, timeout=300)
    assert torch.equal(read_tensors(tmp_path / "latents"), whole.latents)


def test_what_is_read_is_what_was_written(tmp_path):
    state = stopped(1, tmp_path)
    again = RunState.read(tmp_path)
    assert again.story == state.story
    read, written = made(again.conditioning), made(state.conditioning)
    assert torch.equal(read.text, written.text)
    assert torch.equal(read.negative, written.negative)
    assert made(again.sampler).step == 1
    assert again.latents is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conditioning", "sampler", "story.json"]


def test_stages_pass_over_what_is_there():
    told = []
    run = begun(told=told)
    state = synopsis(run, RunState())
    adapter = load(run, Models())
    state = encode(run, adapter, state)
    told.clear()
    again = encode(run, adapter, synopsis(run, state))
    assert again.story is state.story
    assert again.conditioning is state.conditioning
    assert [event.kind for event in told] == ["stage", "synopsis", "stage"]


def test_a_stage_out_of_order_says_so():
    run = begun()
    with pytest.raises(RuntimeError, match="needs the result of an earlier one"):
        sample(run, load(run, Models()), RunState())


def test_an_empty_folder_is_an_empty_state_and_a_damaged_file_is_refused(tmp_path):
    assert vars(RunState.read(tmp_path)) == vars(RunState())
    (tmp_path / "story.json").write_text('{"synopsis": {}}')
    with pytest.raises(SamplerError, match="is not the story"):
        RunState.read(tmp_path)
