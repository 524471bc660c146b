"""The training of the upscaler, from nothing to weights that the package reads; and its pairs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from training import upscale
from training.pairs import Pairs, render
from vstar_sdk.miniworld.parts import WEIGHTS
from vstar_sdk.miniworld.upscaling.network import Upscaler, UpscalerNet, bilinear


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """The command, run here."""
    threads = torch.get_num_threads()

    def call(out: Path, *more: str) -> None:
        monkeypatch.setattr(sys, "argv", ["training.upscale", "--out", str(out), "--smoke", *more])
        upscale.main()

    yield call
    torch.set_num_threads(threads)


def test_an_untrained_network_is_bilinear():
    pictures = torch.rand(2, 3, 8, 6) * 2 - 1
    with torch.no_grad():
        assert torch.equal(UpscalerNet(8, 1)(pictures), bilinear(pictures))


def test_the_loss_sees_both_sizes():
    large = torch.rand(1, 3, 8, 8)
    small = torch.nn.functional.avg_pool2d(large, 2)
    assert float(upscale.losses(large, small, large)) == pytest.approx(0, abs=1e-6)
    assert float(upscale.losses(large, small + 0.1, large)) == pytest.approx(0.5 * (0.1 + 2 * 0.01), abs=1e-6)


@pytest.mark.slow
def test_it_makes_weights_that_the_package_reads_and_goes_on_where_it_stopped(tmp_path, train, capsys):
    train(tmp_path / "run")
    network = Upscaler(tmp_path / "run" / "model.safetensors")
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert network.enlarge(frame).shape == (128, 128, 3)
    assert network.about["steps"] == "6"
    with pytest.raises(SystemExit):
        train(tmp_path / "run")
    assert "--resume" in capsys.readouterr().err
    train(tmp_path / "run", "--resume")
    assert (tmp_path / "run" / "log.txt").read_text().count("done: 6 steps") == 2


@pytest.mark.slow
def test_pairs_are_the_same_picture_and_the_same_each_time(tmp_path):
    vae = AutoencoderKL.from_pretrained(WEIGHTS / "vae", torch_dtype=torch.float32).eval()
    first, again = (Pairs(tmp_path / name, vae, layouts=3) for name in ("a", "b"))
    for pairs in (first, again):
        pairs.grow(2)
    assert all(
        torch.equal(a, b) for one, two in zip(first.chunks, again.chunks, strict=True) for a, b in zip(one, two, strict=True)
    )
    assert not torch.equal(first.chunks[0][1], first.chunks[1][1])
    kept = Pairs(tmp_path / "a", vae, layouts=3)
    assert (len(first), kept.kept()) == (24, 2)
    shown, small, large = (part.float() for part in first.draw(6, torch.Generator().manual_seed(0)))
    means = large.reshape(6, 64, 2, 64, 2, 3).mean((2, 4))
    assert float((means - small).square().mean()) < 255**2 / 10**3.5
    assert float((shown - small).square().mean()) < 255**2 / 10**1.7


def test_renders_are_drawn_at_both_sizes():
    small, large = render(np.random.default_rng(0))
    assert (small.shape, large.shape) == ((4, 64, 64, 3), (4, 128, 128, 3))
