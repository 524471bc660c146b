"""The training script, from nothing to a pipeline that diffusers loads."""

import os
import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]


def train(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training.miniworld", "--out", str(out), "--smoke", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_trains_exports_and_resumes(tmp_path: Path) -> None:
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline

    from training.sample import encode, load, sample, spread
    from training.unet import text_per_frame

    out = tmp_path / "run"
    done = train(out)
    assert done.returncode == 0, done.stderr
    pipe = DiffusionPipeline.from_pretrained(out / "pipeline", torch_dtype=torch.float32)
    assert type(pipe).__name__ == "TextToVideoSDPipeline"
    assert pipe.vae.config.scaling_factor == 1.0
    assert pipe.scheduler.config.prediction_type == "v_prediction"
    assert pipe.tokenizer.model_max_length == 24

    ours = load(out / "pipeline")
    text = spread(encode(ours, ["a calm volcano", "an erupting volcano"]), 5)
    frames = sample(ours, text, seed=1, steps=2)
    assert frames.shape == (5, 64, 64, 3)

    noise = torch.randn(1, 16, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain = pipe.unet(noise, 500, text[:1]).sample
        with text_per_frame(ours.unet, text[:1].expand(5, -1, -1)):
            same = ours.unet(noise, 500, text[:1]).sample
    assert torch.allclose(plain, same, atol=1e-5)

    refused = train(out)
    assert refused.returncode != 0
    assert "--resume" in refused.stderr

    (out / "long.pt").unlink()
    again = train(out, "--resume")
    assert again.returncode == 0, again.stderr
    log = (out / "log.txt").read_text()
    assert log.count("vae done") == 1
    assert log.count("long clips done: 6 steps") == 2
