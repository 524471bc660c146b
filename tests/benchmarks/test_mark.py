"""What the mark on the first frame is for: the arms that are measured, and the tables of what was measured."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from benchmarks import mark
from tests.miniworld.conftest import write_dit
from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.joint.source import MiniworldDitSource
from vstar_sdk.miniworld.parts import WEIGHTS


def records(arm: str, order: float, loss: float) -> list[dict[str, Any]]:
    numbers = {"arm": arm, "family": "beach", "error": 0.1, "scene": 1.0}
    stories = [{**numbers, "seed": n, "order": order - 0.01 * n} for n in range(4)]
    return stories + [{"arm": arm, "told": "once", "clip": n, "losses": [loss + n] * 4} for n in range(3)]


def test_a_silenced_mark_is_a_channel_of_0(tmp_path):
    write_dit(tmp_path / "given")
    folder = mark.silenced(tmp_path / "given", tmp_path / "silenced")
    found = MiniworldDitSource(directory=folder, base=WEIGHTS).load("cpu", "float32")
    given = MiniworldDitSource(directory=tmp_path / "given", base=WEIGHTS).load("cpu", "float32")
    latents, text = torch.randn(1, 16, 3, 8, 8), torch.randn(1, 3, 24, 64)
    marked = given.denoise(latents, torch.tensor(400), text)
    assert not torch.allclose(found.denoise(latents, torch.tensor(400), text), marked)
    with torch.no_grad():
        given.denoiser.patch_embedding.weight[:, 16] = 0
    torch.testing.assert_close(found.denoise(latents, torch.tensor(400), text), given.denoise(latents, torch.tensor(400), text))


def test_differences_are_paired_and_bold_where_they_are_findings():
    lines = [*records("marked", 0.955, 0.5), *records("unmarked", 0.455, 0.5)]
    assert "| trained on, marked | 0.94 (0.93 to 0.95) | 4 of 4 | 0.100 (0.100 to 0.100) |" in mark.story_table(lines)
    assert "| trained on, unmarked | 0.44 (0.43 to 0.45) | 0 of 4 |" in mark.story_table(lines)
    row = "| trained on, unmarked - trained on, marked | **-0.500 (-0.500 to -0.500)** | +0.000 (+0.000 to +0.000) |"
    assert mark.difference_table(lines).splitlines()[2:] == [row]
    table = mark.loss_table(lines, "once").splitlines()
    assert table[2] == "| trained on, marked | 1.500 | 1.500 | 1.500 | 1.500 |"
    assert table[-1].endswith(" +0.0000 (+0.0000 to +0.0000) |")
    assert len(mark.loss_table(lines, "each").splitlines()) == 2  # none was measured


def test_an_arm_with_records_is_not_measured_again(tmp_path, monkeypatch):
    made: list[str] = []

    def losses(folder, *_):
        made.append(folder.name)
        return [{"told": "once", "clip": 0, "losses": [0.5] * 4}]

    monkeypatch.setattr(mark, "losses", losses)
    monkeypatch.setattr(mark, "orders", lambda *_: [])
    path = tmp_path / "mark.jsonl"
    for arms in ({"marked": tmp_path / "a"}, {"marked": tmp_path / "a", "unmarked": tmp_path / "b"}):
        mark.measure(arms, tmp_path, 1, 1, path)
    assert made == ["a", "b"]
    assert [json.loads(line)["arm"] for line in path.read_text().splitlines()] == ["marked", "unmarked"]


@pytest.mark.slow
def test_an_arm_is_measured(tmp_path, monkeypatch, capsys):
    write_dit(tmp_path / "dit")
    monkeypatch.setattr(mark, "families", lambda: {"beach": families()["beach"]})
    argv = ["mark", f"marked={tmp_path / 'dit'}", "--encoded", str(tmp_path), "--held-out", "4", "--seeds", "1"]
    monkeypatch.setattr("sys.argv", [*argv, "--records", str(tmp_path / "mark.jsonl")])
    mark.main()
    found = [json.loads(line) for line in (tmp_path / "mark.jsonl").read_text().splitlines()]
    assert sum(line.get("told") == "each" for line in found) == 4
    assert [line["order"] for line in found if "order" in line]
    assert "| trained on, marked |" in capsys.readouterr().out
