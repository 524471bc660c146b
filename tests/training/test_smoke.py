"""The training script, from nothing to a pipeline that diffusers loads."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline

from training import miniworld
from training.sample import encode, load, sample, spread
from training.unet import text_per_frame
from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.judge import Judge
from vstar_sdk.miniworld.world import scene

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the command, made once."""
    out = tmp_path_factory.mktemp("training") / "run"
    command = [sys.executable, "-m", "training.miniworld", "--out", str(out), "--smoke"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """The command, run here."""
    threads = torch.get_num_threads()

    def call(out: Path, *more: str) -> None:
        monkeypatch.setattr(sys, "argv", ["training.miniworld", "--out", str(out), "--smoke", *more])
        miniworld.main()

    yield call
    torch.set_num_threads(threads)


def test_exports_a_pipeline_that_diffusers_loads(run: Path) -> None:
    pipe = DiffusionPipeline.from_pretrained(run / "pipeline", dtype=torch.float32)
    assert type(pipe).__name__ == "TextToVideoSDPipeline"
    assert pipe.vae.config.scaling_factor == 1.0
    assert pipe.scheduler.config.prediction_type == "v_prediction"
    assert pipe.scheduler.config.rescale_betas_zero_snr
    assert pipe.tokenizer.model_max_length == 24


def test_samples_frames_under_their_own_text(run: Path) -> None:
    pipe = load(run / "pipeline")
    text = spread(encode(pipe, ["a calm volcano", "an erupting volcano"]), 5)
    assert sample(pipe, text, seed=1, steps=2).shape == (5, 64, 64, 3)


def test_equal_texts_give_what_plain_diffusers_gives(run: Path) -> None:
    plain = DiffusionPipeline.from_pretrained(run / "pipeline", dtype=torch.float32)
    ours = load(run / "pipeline")
    text = encode(ours, ["a calm volcano"])
    noise = torch.randn(1, 16, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = plain.unet(noise, 500, text).sample
        with text_per_frame(ours.unet, text.expand(5, -1, -1)):
            assert torch.allclose(ours.unet(noise, 500, text).sample, expected, atol=1e-5)


def test_the_first_transformer_is_exactly_at_identity(run: Path) -> None:
    first = load(run / "pipeline").unet.transformer_in
    assert not first.proj_out.weight.any()
    assert not first.proj_out.bias.any()


def test_makes_a_judge_that_the_package_reads(run: Path) -> None:
    judge = Judge(run / "pipeline" / "judge" / "model.safetensors")
    assert judge.names == tuple(families())
    assert set(judge.error) == set(families())
    verdict = judge.read(scene("volcano", 1).render(np.linspace(0, 1, 3), np.arange(3.0)))
    assert verdict.families.shape == verdict.stages.shape == (3, len(families()))
    assert np.allclose(verdict.families.sum(1), 1, atol=1e-5)
    assert ((verdict.stages >= 0) & (verdict.stages <= 1)).all()


@pytest.mark.slow
def test_goes_on_from_a_pipeline(run: Path, tmp_path: Path, train: Callable[..., None]) -> None:
    train(tmp_path / "next", "--start", str(run / "pipeline"))
    before, after = (load(folder).vae.encoder.conv_in.weight for folder in (run / "pipeline", tmp_path / "next" / "pipeline"))
    assert not torch.equal(before, after)
    assert torch.allclose(before, after, atol=0.05)


def test_does_not_overwrite_a_run(run: Path, train: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train(run)
    assert "--resume" in capsys.readouterr().err


def test_resumes_where_it_stopped(run: Path, train: Callable[..., None]) -> None:
    (run / "long.pt").unlink()
    train(run, "--resume")
    log = (run / "log.txt").read_text()
    assert log.count("vae done") == 1
    assert log.count("long clips done: 6 steps") == 2
