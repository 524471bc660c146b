"""Training of the denoiser: UNet and text encoder as one, by v-prediction."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from transformers import CLIPTextModel

from training.parallel import Log
from training.precision import mixed
from training.stage import Schedule, train
from training.text import Captions, embed
from training.unet import new_scheduler, skip_no_ops, text_per_frame


@dataclass(frozen=True)
class Batch:
    """Latents ``(B, F, 16, 8, 8)`` and what tells them: numbers of captions and weights, ``(B, F)`` each."""

    latents: Tensor
    low: Tensor
    high: Tensor
    weight: Tensor


class Denoiser(nn.Module):
    """UNet and text encoder, trained as one."""

    def __init__(self, unet: Any, text: CLIPTextModel, captions: Captions) -> None:
        super().__init__()
        self.unet, self.text = unet, text
        self._captions = captions
        self._alphas = new_scheduler().alphas_cumprod.clone()

    def loss(self, batch: Batch, generator: torch.Generator, bf16: bool = True, step: int | None = None) -> Tensor:
        """The v-prediction error, mean over all; ``step`` fixes the timestep, which is random without it."""
        count, frames = batch.latents.shape[:2]
        dropped = torch.rand(count, 1, generator=generator) < 0.1
        low = torch.where(dropped, 0, batch.low)
        high = torch.where(dropped, 0, batch.high)
        with mixed(bf16):
            text = embed(self.text, self._captions, low, high, batch.weight)
        times = torch.randint(0, 1000, (count,), generator=generator)
        late = torch.randint(500, 1000, (count,), generator=generator)
        times = torch.where(torch.rand(count, generator=generator) < 0.35, late, times)
        if step is not None:
            times = torch.full_like(times, step)
        x = batch.latents.transpose(1, 2).float()
        noise = torch.randn(x.shape, generator=generator)
        keep = self._alphas[times].sqrt().view(-1, 1, 1, 1, 1)
        lost = (1 - self._alphas[times]).sqrt().view(-1, 1, 1, 1, 1)
        with mixed(bf16), text_per_frame(self.unet, text.float()):
            out = self.unet(keep * x + lost * noise, times, text[::frames], return_dict=False)[0]
        return functional.mse_loss(out.float(), keep * noise - lost * x)


def train_denoiser(
    model: Denoiser,
    slow: Denoiser,
    draw: Callable[[torch.Generator], Batch],
    test: Batch,
    path: Path,
    name: str,
    *,
    rate: float,
    seconds: float,
    steps: int,
    temporal: bool,
    rank: int,
    log: Log,
    floor: float = 0.02,
    bf16: bool = True,
) -> None:
    """One stage of training, from its checkpoint ``path`` if there is one, until its time or its steps are over.

    Args:
        model: trained in place.
        slow: the moving average of its weights, updated in place.
        draw: makes a batch.
        test: held out; its loss with fixed noise is logged.
        path: the checkpoint, written every minute.
        name: of the stage, for the log.
        rate: the highest learning rate; warm-up, then a cosine over the stage's time.
        seconds: wall clock of the stage over all its runs.
        steps: the most steps.
        temporal: whether temporal layers take part.
        rank: number of this process; process 0 logs and saves.
        log: writes a line.
        floor: share of the rate at which the cosine ends.
        bf16: autocast.
    """
    active = [*skip_no_ops(model.unet, temporal), *model.text.parameters()]
    skip_no_ops(slow.unet, temporal)
    model.train()

    def report(step: int, spent: float, value: float) -> None:
        if step % 100 == 0:
            held = f", held-out {held_out_loss(slow, test, bf16):.4f}" if step % 400 == 0 else ""
            log(f"{name} step {step} {spent:.0f}s loss {value:.4f}{held}")

    step, spent = train(
        model,
        slow,
        lambda generator: model.loss(draw(generator), generator, bf16),
        path,
        Schedule(rate=rate, seconds=seconds, steps=steps, floor=floor, average=0.999, lag=20),
        seed=7919 * rank + 1,
        rank=rank,
        report=report,
        parameters=active,
    )
    if rank == 0:
        log(f"{name} done: {step} steps, {spent:.0f}s, held-out {held_out_loss(slow, test, bf16):.4f}")


@torch.no_grad()
def held_out_loss(model: Denoiser, test: Batch, bf16: bool = True, step: int | None = None) -> float:
    """Loss on held-out data, with noise and timesteps that are the same every time; ``step`` fixes the timestep."""
    generator = torch.Generator().manual_seed(0)
    parts = [
        model.loss(Batch(*(v[i : i + 1] for v in (test.latents, test.low, test.high, test.weight))), generator, bf16, step)
        for i in range(len(test.latents))
    ]
    return float(torch.stack(parts).mean())
