"""The training of the joint sibling, from nothing to a denoiser that the package runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from training import export_dit, gates, miniworld_dit
from vstar_sdk.miniworld.joint.source import MiniworldDitSource
from vstar_sdk.miniworld.parts import WEIGHTS

pytestmark = pytest.mark.slow


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """The command, run here."""
    threads = torch.get_num_threads()

    def call(out: Path, *more: str) -> None:
        monkeypatch.setattr(sys, "argv", ["training.miniworld_dit", "--out", str(out), "--smoke", *more])
        miniworld_dit.main()

    yield call
    torch.set_num_threads(threads)


@pytest.mark.parametrize("more", [[], ["--no-marker"]])
def test_it_makes_a_denoiser_that_the_package_runs(tmp_path, train, more, monkeypatch):
    train(tmp_path / "run", *more)
    monkeypatch.setattr(sys, "argv", ["training.export_dit", str(tmp_path / "run"), str(tmp_path / "dit")])
    export_dit.main()
    model = MiniworldDitSource(directory=tmp_path / "dit", base=WEIGHTS).load("cpu", "float32")
    assert model.denoiser.config.in_channels == (16 if more else 17)
    text = model.encode(["a calm volcano"])[:, None].expand(-1, 3, -1, -1)
    out = model.denoise(torch.randn(1, 16, 3, 8, 8), torch.tensor(500), text)
    assert out.abs().max() > 0  # the output is zero before the first step


def test_it_resumes_where_it_stopped_and_ends_sooner_when_told(tmp_path, train, capsys):
    train(tmp_path)
    with pytest.raises(SystemExit):
        train(tmp_path)
    assert "--resume" in capsys.readouterr().err
    (tmp_path / "clips.pt").unlink()
    train(tmp_path, "--resume", "--clip-steps", "2")
    log = (tmp_path / "log.txt").read_text()
    assert log.count("clips done: 4 steps") == 1
    assert log.count("clips done: 2 steps") == 1
    assert torch.load(tmp_path / "clips.pt", weights_only=True)["step"] == 2


def test_it_begins_with_the_weights_of_a_pipeline_and_clips_that_another_run_has_encoded(tmp_path, train):
    """At a learning rate of almost nothing it stays what it was, and no clip is encoded twice."""
    kept = ["--encoded", str(tmp_path / "kept"), "--clips", "4"]
    train(tmp_path / "first", *kept)
    averaged = export_dit.newest(tmp_path / "first")["slow"]
    export_dit.export(tmp_path / "dit", averaged)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").rglob("*.pt")}
    assert {path.stem for path in files} == {"16-1-0-4", "16-0-0-8"}
    train(tmp_path / "second", *kept, "--start", str(tmp_path / "dit"), "--no-marker", "--rate", "1e-12")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").rglob("*.pt")} == files
    found = export_dit.newest(tmp_path / "second")["slow"]
    assert not (tmp_path / "second" / "images.pt").exists()
    for name, value in averaged.items():
        expected = value[:, :16] if name == "transformer.patch_embedding.weight" else value
        torch.testing.assert_close(found[name], expected.half().float(), atol=1e-6, rtol=0)


def test_the_gates_are_measured_on_an_export(tmp_path, train, monkeypatch, capsys):
    train(tmp_path / "run")
    export_dit.export(tmp_path / "dit", export_dit.newest(tmp_path / "run")["slow"])
    out = tmp_path / "clips.json"
    monkeypatch.setattr(sys, "argv", ["gates", str(tmp_path / "dit"), "--families", "1", "--seeds", "1", "--out", str(out)])
    gates.main()
    assert [(clip["frames"], clip["told"]) for clip in json.loads(out.read_text())] == [
        (16, "none"),
        (16, "trial/dit"),
        (64, "none"),
        (64, "trial/dit"),
    ]
    assert "FAILS: 16 frames, one prompt" in capsys.readouterr().out  # four steps are no training
