"""The loop of a training stage, on a network of two weights."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from training import stage
from training.stage import Schedule, train

SCHEDULE = Schedule(rate=0.1, seconds=1e9, steps=8)


class Stopped(Exception):
    """A stop in the middle."""


def run(path: Path, stop_at: int | None = None) -> tuple[nn.Module, nn.Module, list[int]]:
    torch.manual_seed(0)
    model = nn.Linear(2, 1, bias=False)
    slow = copy.deepcopy(model)
    reported: list[int] = []
    goal = torch.ones(1, 2)

    def loss(generator: torch.Generator) -> torch.Tensor:
        if stop_at is not None and len(reported) == stop_at:
            raise Stopped
        return (model.weight - goal).square().sum()

    def report(step: int, spent: float, value: float) -> None:
        reported.append(step)

    steps, _ = train(model, slow, loss, path, SCHEDULE, seed=0, rank=0, report=report)
    assert steps == SCHEDULE.steps
    return model, slow, reported


def test_a_stop_in_the_middle_loses_nothing(tmp_path, monkeypatch):
    whole, whole_slow, _ = run(tmp_path / "whole.pt")
    monkeypatch.setattr(stage, "SAVE_EVERY", -1.0)
    with pytest.raises(Stopped):
        run(tmp_path / "cut.pt", stop_at=3)
    again, again_slow, reported = run(tmp_path / "cut.pt")
    assert reported == [4, 5, 6, 7, 8]
    for one, other in ((whole, again), (whole_slow, again_slow)):
        assert torch.equal(next(one.parameters()), next(other.parameters()))


def test_a_stage_that_is_over_does_nothing(tmp_path):
    first, _, _ = run(tmp_path / "done.pt")
    again, _, reported = run(tmp_path / "done.pt")
    assert reported == []
    assert torch.equal(next(first.parameters()), next(again.parameters()))


def test_the_rate_warms_up_and_falls_to_its_floor():
    schedule = Schedule(rate=1.0, seconds=1, steps=1, floor=0.1)
    assert schedule.rate_at(0, 0.0) == pytest.approx(0.01)
    assert schedule.rate_at(500, 0.0) == pytest.approx(1.0)
    assert schedule.rate_at(500, 0.5) == pytest.approx(0.55)
    assert schedule.rate_at(500, 1.0) == pytest.approx(0.1)


def test_the_average_lags_behind(tmp_path):
    model, slow, _ = run(tmp_path / "run.pt")
    weights, averaged = next(model.parameters()), next(slow.parameters())
    torch.manual_seed(0)
    start = next(nn.Linear(2, 1, bias=False).parameters())
    assert ((averaged - start).abs() < (weights - start).abs()).all()
