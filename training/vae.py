"""The VAE of the embedded model: 64x64 pixels to 8x8 latents of 16 channels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from training.parallel import Log
from training.precision import mixed
from training.stage import Schedule, train

if TYPE_CHECKING:
    from training.plan import Plan

RATE = 2e-3


def new_vae(small: bool = False, start: Path | None = None) -> Any:
    """A VAE to be trained.

    Args:
        small: the size of smoke runs.
        start: a pipeline directory whose weights it takes.
    """
    build: Any = AutoencoderKL
    if start is not None:
        return build.from_pretrained(start / "vae", dtype=torch.float32)
    return build(
        in_channels=3,
        out_channels=3,
        latent_channels=16,
        block_out_channels=(8, 8, 16, 16) if small else (16, 32, 64, 96),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=64,
        scaling_factor=1.0,
    )


def to_unit(frames: Tensor) -> Tensor:
    """uint8 ``(B, 64, 64, 3)`` to float ``(B, 3, 64, 64)`` in [-1, 1]."""
    return frames.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def picture_loss(output: Tensor, target: Tensor) -> Tensor:
    """L1 + MSE + gradients' L1, pictures in [-1, 1]."""
    off = output - target
    edges = (off[..., 1:, :] - off[..., :-1, :]).abs().mean() + (off[..., 1:] - off[..., :-1]).abs().mean()
    return off.abs().mean() + 2 * off.square().mean() + 0.5 * edges


@torch.no_grad()
def psnr(vae: Any, frames: Tensor) -> float:
    """Mean PSNR in dB of reconstructions from the latent mean; frames uint8 ``(B, 64, 64, 3)``."""
    values: list[Tensor] = []
    for part in frames.split(64):
        x = to_unit(part)
        out = vae.decode(vae.encode(x).latent_dist.mean).sample.clamp(-1, 1)
        values.append(-10 * ((out - x) / 2).square().mean((1, 2, 3)).clamp_min(1e-10).log10())
    return float(torch.cat(values).mean())


def finished_vae(folder: Path, small: bool = False) -> Any:
    """The averaged VAE of ``folder/vae.pt``, latents as trained."""
    vae = new_vae(small)
    vae.load_state_dict(torch.load(folder / "vae.pt", weights_only=True)["slow"])
    return vae.eval()


def train_vae(frames: np.ndarray, held_out: np.ndarray, folder: Path, plan: Plan, log: Log, rank: int) -> None:
    """Train until the plan's time or steps are over; state in ``folder/vae.pt``, from which it continues.

    Args:
        frames: training pictures, uint8 ``(N, 64, 64, 3)``.
        held_out: pictures of other layouts.
        folder: of the run.
        plan: how long, and the batch of one process.
        log: writes a line.
        rank: number of this process.
    """
    torch.manual_seed(0)
    vae, slow = new_vae(plan.small, plan.start), new_vae(plan.small)
    slow.load_state_dict(vae.state_dict())
    data, test = torch.from_numpy(frames), torch.from_numpy(held_out)

    def loss(generator: torch.Generator) -> Tensor:
        x = to_unit(data[torch.randint(len(data), (plan.vae_batch,), generator=generator)])
        with mixed():
            mean = vae.encode(x).latent_dist.mean
            out = vae.decode(mean + 0.05 * torch.randn(mean.shape, generator=generator)).sample
        return picture_loss(out.float(), x) + 1e-3 * mean.float().square().mean()

    def report(step: int, spent: float, value: float) -> None:
        if step % 200 == 0:
            log(f"vae step {step} {spent:.0f}s loss {value:.4f} held-out {psnr(slow, test[:192]):.2f} dB")

    schedule = Schedule(
        rate=RATE if plan.start is None else RATE / 2, seconds=plan.vae_seconds, steps=plan.steps, weight_decay=1e-4
    )
    step, _ = train(vae, slow, loss, folder / "vae.pt", schedule, seed=1000 * rank, rank=rank, report=report)
    if rank == 0:
        log(f"vae done: {step} steps, held-out {psnr(slow, test):.2f} dB")
