"""Cells are done once, in whatever order, by whatever processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.sweeps.conftest import STORY
from vstar_sdk import Session, run_cells
from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.runs.journal import Journal
from vstar_sdk.runs.stages import sample
from vstar_sdk.runs.state import SAMPLER
from vstar_sdk.sweeps import cells as module
from vstar_sdk.sweeps.cells import Interrupted, Outcome, retry, tidy
from vstar_sdk.sweeps.claims import CLAIM, Claim
from vstar_sdk.sweeps.index import Sweep
from vstar_sdk.sweeps.status import Failed, SweepStatus, state_of


@pytest.fixture
def sweep(planned):
    sweep = planned("{seed: [5, 6]}").sweep
    sweep.claim()
    return sweep


def pictures(folder):
    return np.stack([np.asarray(Image.open(path)) for path in sorted((folder / "frames").iterdir())])


def counts(sweep):
    return {state: number for state, number in SweepStatus.of(sweep).counts.items() if number}


def test_each_cell_is_the_run_of_its_spec_and_is_done_once(sweep, tmp_path):
    assert counts(sweep) == {"waiting": 2}
    assert run_cells(sweep.directory) == Outcome(done=2)
    assert counts(sweep) == {"done": 2}
    with Session() as session:
        alone = session.run(sweep.document(sweep.cells[1]).data, out=tmp_path / "alone")
    assert alone.spec.seed == 6
    assert np.array_equal(pictures(sweep.path("0001")), pictures(tmp_path / "alone"))
    manifest = (sweep.path("0001") / "manifest.json").read_bytes()
    assert run_cells(sweep.directory) == Outcome(passed=2)
    assert (sweep.path("0001") / "manifest.json").read_bytes() == manifest
    assert not list(sweep.directory.rglob(CLAIM))


def test_a_cell_that_fails_is_recorded_and_waits_again_when_asked(planned, tmp_path, monkeypatch):
    sweep = planned("{seed: [5, 6]}").sweep
    sweep.claim()
    real = module._Work._start

    def start(self, session, cell, folder):
        if cell.id == "0000":
            raise SpecError("no luck", hint="try again")
        return real(self, session, cell, folder)

    monkeypatch.setattr(module._Work, "_start", start)
    assert run_cells(sweep.directory) == Outcome(done=1, failed=1)
    assert counts(sweep) == {"done": 1, "failed": 1}
    assert Failed.read(sweep.path("0000")) == Failed("SpecError", "no luck", "try again", 1)
    assert run_cells(sweep.directory) == Outcome(passed=2)
    monkeypatch.undo()
    assert retry(sweep) == 1
    assert counts(sweep) == {"waiting": 1, "done": 1}
    assert run_cells(sweep.directory) == Outcome(done=1, passed=1)


def test_a_failed_cell_that_somebody_goes_on_with_by_hand_is_left_alone(sweep):
    folder = sweep.path("0000")
    (folder / "state").mkdir(parents=True)
    (folder / "state" / "about.json").write_text("{}")
    Failed("SamplerError", "no luck", "", 1, anew=True).write(folder)
    journal = Journal.open(folder)
    assert journal is not None
    assert retry(sweep) == 0
    assert (folder / "state" / "about.json").exists()
    journal.close(remove=True)
    assert retry(sweep) == 1
    assert not (folder / "state").exists()


def test_texts_that_look_like_numbers_stay_texts_in_every_cell(planned):
    spec = STORY + 'negative_prompt: "1e3"\n'
    sweep = planned("{seed: [5, 6]}", spec).sweep
    sweep.claim()
    again = Sweep.read(sweep.directory)
    assert again.document(again.cells[1]).data == sweep.document(sweep.cells[1]).data
    assert again.document(again.cells[1]).data["negative_prompt"] == "1e3"


def test_a_page_that_no_sweep_wrote_is_not_replaced(planned):
    sweep = planned("{seed: [5, 6]}").sweep
    sweep.directory.mkdir()
    (sweep.directory / "index.html").write_text("mine")
    with pytest.raises(OutputError, match=r"index.html was not written by a sweep"):
        sweep.claim()
    assert [path.name for path in sweep.directory.iterdir()] == ["index.html"]


def test_a_cell_whose_video_is_not_as_expected_has_failed_and_is_not_made_again(planned):
    sweep = planned("{seed: [5, 6], expect: [{frozen: false}, {frozen: true}]}").sweep
    sweep.claim()
    assert run_cells(sweep.directory) == Outcome(done=2, failed=2)
    assert [state_of(sweep.path(cell)) for cell in sweep.cells] == ["done", "failed", "done", "failed"]
    failed = Failed.read(sweep.path("0001"))
    assert failed is not None
    assert failed.unexpected
    assert failed.message == "the video is not as expected: frozen is true was expected, and frozen is 0"
    assert len(pictures(sweep.path("0001"))) == 4
    manifests = [(sweep.path(cell) / "manifest.json").read_bytes() for cell in sweep.cells]
    assert retry(sweep) == 0
    assert run_cells(sweep.directory) == Outcome(passed=4)
    assert counts(sweep) == {"done": 2, "failed": 2}
    assert [(sweep.path(cell) / "manifest.json").read_bytes() for cell in sweep.cells] == manifests


def test_one_whose_process_died_before_it_could_say_so_has_failed_too(planned):
    sweep = planned("{seed: [5]}", STORY + "expect: {frozen: true}\n").sweep
    sweep.claim()
    folder = sweep.path("0000")
    run_cells(sweep.directory)
    (folder / "error.json").unlink()
    claim = Claim.take(folder)
    assert claim is not None
    claim.begin()
    claim.close(remove=False)  # as a process leaves it that dies
    assert state_of(folder) == "failed"
    assert run_cells(sweep.directory) == Outcome(passed=1)
    failed = Failed.read(folder)
    assert failed is not None
    assert failed.unexpected
    assert not (folder / CLAIM).exists()
    assert counts(sweep) == {"failed": 1}


def test_what_nobody_foresaw_is_the_cells_and_ends_the_process(sweep, monkeypatch):
    monkeypatch.setattr(sample, "denoise", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_cells(sweep.directory)
    assert counts(sweep) == {"waiting": 1, "failed": 1}
    failed = Failed.read(sweep.path("0000"))
    assert failed is not None
    assert failed.type == "ZeroDivisionError"


def test_it_ends_when_asked_to_and_goes_on_later(planned):
    sweep = planned("{seed: [5, 6]}", STORY.replace("steps: 1", "steps: 40")).sweep
    sweep.claim()
    state = sweep.path("0000") / "state" / SAMPLER
    with pytest.raises(Interrupted):
        run_cells(sweep.directory, ended=state.exists)
    assert [state_of(sweep.path(cell)) for cell in sweep.cells] == ["interrupted", "waiting"]
    assert run_cells(sweep.directory) == Outcome(done=2)


def test_a_cell_that_another_process_has_is_passed_over(sweep):
    claim = Claim.take(sweep.path("0000"))
    assert claim is not None
    claim.begin()
    assert Claim.take(sweep.path("0000")) is None
    assert state_of(sweep.path("0000")) == "running"
    assert run_cells(sweep.directory) == Outcome(done=1, passed=1)
    claim.close(remove=False)
    assert state_of(sweep.path("0000")) == "interrupted"
    assert run_cells(sweep.directory, ["0000"]) == Outcome(done=1)


def die_at(folder):
    code = (
        "import os, sys, pathlib\nfrom vstar_sdk.sweeps.claims import Claim\n"
        "Claim.take(pathlib.Path(sys.argv[1])).begin()\nos._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)]).returncode == 9


def test_a_cell_that_takes_its_process_with_it_comes_last_and_then_fails(sweep):
    folder = sweep.path("0000")
    die_at(folder)
    report: list[str] = []
    run_cells(sweep.directory, ["0000", "0001"], report=report.append, attempts=2)
    assert [line.partition(":")[0] for line in report] == ["cell 0001", "cell 0001", "cell 0000", "cell 0000"]
    shutil.rmtree(folder)
    die_at(folder)
    die_at(folder)
    assert run_cells(sweep.directory, attempts=2) == Outcome(failed=1, passed=1)
    failed = Failed.read(folder)
    assert failed is not None
    assert failed.attempts == 2
    assert failed.message == "its process died 2 times in this cell, without progress"


@pytest.mark.parametrize("dealt", [False, True])
def test_what_a_process_left_that_died_when_its_cell_was_just_done_is_removed(sweep, dealt):
    """By the next process that is given the cell, or at the end by the command, where an executor gives none twice."""
    run_cells(sweep.directory, ["0000"])
    folder = sweep.path("0000")
    names = sorted(path.name for path in folder.iterdir())
    die_at(folder)
    (folder / "state").mkdir()
    (folder / "state" / "about.json").write_text("{}")
    (folder / ".vstar-run").write_text('{"draft": ".frames.partial-1"}\n')
    (folder / ".frames.partial-1").mkdir()
    assert state_of(folder) == "done"
    if dealt:
        tidy(sweep)
    else:
        assert run_cells(sweep.directory, ["0000"]) == Outcome(passed=1)
    assert sorted(path.name for path in folder.iterdir()) == names


def test_a_cell_that_came_further_begins_to_count_anew(tmp_path):
    die_at(tmp_path)
    die_at(tmp_path)
    claim = Claim.take(tmp_path)
    assert claim is not None
    assert claim.begun == 2
    claim.close(remove=False)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "sampler").write_bytes(b"after step 3")
    claim = Claim.take(tmp_path)
    assert claim is not None
    assert claim.begun == 0
    claim.begin()
    claim.take_back()
    claim.close(remove=False)
    (tmp_path / "state" / "sampler").unlink()
    again = Claim.take(tmp_path)
    assert again is not None
    assert again.begun == 2


def test_a_state_that_cannot_be_gone_on_with_is_begun_anew_only_when_asked(sweep):
    folder = sweep.path("0000")
    (folder / "state").mkdir(parents=True)
    (folder / "state" / "about.json").write_text(json.dumps({"format": 1, "run": "x", "versions": {"torch": "0.1"}}))
    assert state_of(folder) == "interrupted"
    assert run_cells(sweep.directory, ["0000"]) == Outcome(failed=1)
    failed = Failed.read(folder)
    assert failed is not None
    assert "started with other versions: torch 0.1" in failed.message
    retry(sweep)
    assert run_cells(sweep.directory, ["0000"]) == Outcome(done=1)


def test_there_is_no_such_cell(sweep, tmp_path):
    with pytest.raises(SpecError, match="no cell 0009"):
        run_cells(sweep.directory, ["0009"])
    with pytest.raises(OutputError, match="no sweep"):
        run_cells(tmp_path)


def test_the_status_says_why_cells_failed(sweep):
    folder = sweep.path("0001")
    folder.mkdir(parents=True)
    Failed("ModelError", "no memory", None, 1).write(folder)
    data = SweepStatus.of(sweep).json()
    assert data["counts"] == {"waiting": 1, "running": 0, "interrupted": 0, "done": 0, "failed": 1}
    assert data["failed"] == [
        {
            "id": "0001",
            "title": "seed=6",
            "type": "ModelError",
            "message": "no memory",
            "hint": None,
            "attempts": 1,
            "anew": False,
        }
    ]
    (folder / "error.json").write_text("{")
    assert "cannot be read" in SweepStatus.of(sweep).json()["failed"][0]["message"]
