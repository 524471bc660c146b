"""Every cell is checked before the first begins; the index says all that a process needs."""

from __future__ import annotations

import json

import pytest

from tests.sweeps.conftest import STORY
from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.spec.document import parse
from vstar_sdk.sweeps.index import Sweep
from vstar_sdk.sweeps.planning import MOST_PLANNED, plan_sweep


def test_a_value_that_is_wrong_is_told_with_its_place(planned, tmp_path):
    (tmp_path / "steps.txt").write_text("12\nmany\n")
    with pytest.raises(SpecError) as caught:
        planned("{sampling.steps: steps.txt, seed: [1, -1]}")
    steps, seed = caught.value.message.splitlines()
    assert steps == "story.yaml:6:46: sweep.seed[1]: seed: must be greater than or equal to 0"
    assert seed == f"{tmp_path}/steps.txt:2: sampling.steps: must be a whole number"


def test_a_value_that_fits_no_model_is_told_before_anything_is_done(planned):
    with pytest.raises(SpecError, match="level"):
        planned("{'regularizers[0].sigma': [{0: 1}, {9: 2}]}")


def test_a_combination_that_is_wrong_is_told(planned):
    with pytest.raises(SpecError, match="no prompt"):
        planned("{prompt: ['', a volcano], seed: [1, 2]}")


def test_a_path_that_is_not_there(planned):
    with pytest.raises(SpecError, match=r"output\[3\]"):
        planned("{'output[3].path': [a, b]}")


def test_all_are_planned_where_they_are_few_and_no_more_than_so_many(planned):
    assert planned("{seed: [1, 2, 3], sampling.steps: [1, 2], sampling.guidance: [1, 2]}").planned == 4
    many = planned("{seed: {from: 0, to: 2}, sampling.steps: {from: 1, to: 40}, sampling.guidance: {from: 1, to: 40}}")
    assert len(many.sweep.cells) == 4800
    assert 40 <= many.planned <= MOST_PLANNED


def test_the_index_is_read_as_it_was_written(planned, tmp_path):
    sweep = planned("{seed: [1, 2], 'regularizers[0].sigma': [{0: 1, 1: 8}, 3], negative_prompt: [é 'x', b]}").sweep
    sweep.claim()
    there = Sweep.read(tmp_path / "sweep")
    assert there.axes == sweep.axes
    assert there.cells == sweep.cells
    assert [cell.id for cell in there.cells] == [f"000{number}" for number in range(8)]
    assert there.cells[0].title == """seed=1, regularizers[0].sigma={"0": 1, "1": 8}, negative_prompt=é 'x'"""
    for cell in there.cells:
        assert there.document(cell).data == sweep.document(cell).data
    assert there.document(there.cells[7]).data["seed"] == 2
    assert [path.name for path in (tmp_path / "sweep").iterdir()] == ["sweep.json"]


@pytest.mark.parametrize(
    ("sweep", "story", "message"),
    [
        ("{seed: [1, 3]}", "frames: 4", "with other values of seed"),
        ("{sampling.steps: [1]}", "frames: 4", "over seed"),
        ("{seed: [1, 2]}", "frames: 3", "its spec has a different frames"),
    ],
)
def test_a_directory_holds_one_sweep(planned, sweep, story, message):
    planned("{seed: [1, 2]}").sweep.claim()
    planned("{seed: [1, 2]}").sweep.claim()
    with pytest.raises(OutputError, match=message):
        planned(sweep, STORY.replace("frames: 4", story)).sweep.claim()


def test_an_index_that_is_none(tmp_path):
    with pytest.raises(OutputError, match="there is no sweep in"):
        Sweep.read(tmp_path)
    for text in ("{}", "[", "[]", json.dumps({"format": 1, "spec": "a: [", "folder": None})):
        (tmp_path / "sweep.json").write_text(text)
        with pytest.raises(OutputError, match="cannot be read"):
            Sweep.read(tmp_path)
    (tmp_path / "sweep.json").write_text('{"format": 2}')
    with pytest.raises(OutputError, match="another version"):
        Sweep.read(tmp_path)


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        ("locol", "executor: unknown executor 'locol'. Did you mean 'local'?"),
        ("{use: local, worker: 2}", "executor.worker: unknown key 'worker'. Did you mean 'workers'?"),
        ("{use: tar}", "'tar' is not an executor: it is a regularizer"),
        ("{workers: 0}", "executor.workers: must be greater than or equal to 1"),
        ("acme/cloud", "no installed package brings the namespace 'acme'"),
    ],
)
def test_an_executor_that_is_wrong_is_told_with_its_place(tmp_path, executor, message):
    document = parse(f"prompt: a volcano wakes up\nsweep: {{seed: [1]}}\nexecutor: {executor}\n", name="story.yaml")
    with pytest.raises(SpecError) as caught:
        plan_sweep(document, tmp_path)
    assert caught.value.message.startswith("story.yaml:3:")
    assert message in caught.value.message
