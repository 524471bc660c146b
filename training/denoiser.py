"""Training of the denoiser: UNet and text encoder as one, by v-prediction."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from transformers import CLIPTextModel

from training.parallel import Log, agree, share_gradients
from training.text import Captions, embed
from training.unet import new_scheduler, skip_identities, text_per_frame


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
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
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
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16), text_per_frame(self.unet, text.float()):
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
    chosen = {id(p) for p in (*skip_identities(model.unet, temporal), *model.text.parameters())}
    skip_identities(slow.unet, temporal)
    active = [(key, p) for key, p in model.named_parameters() if id(p) in chosen]
    optimiser = torch.optim.AdamW([p for _, p in active], lr=rate, betas=(0.9, 0.99), weight_decay=0.01)
    step, spent = 0, 0.0
    if path.exists():
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"])
        slow.load_state_dict(state["slow"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["spent"]
    averaged = dict(slow.named_parameters())
    generator = torch.Generator().manual_seed(7919 * rank + step + 1)
    start = saved = time.time()
    before = spent
    running: float | None = None
    model.train()
    while True:
        spent = before + time.time() - start
        part = min(max(spent / seconds, step / steps), 1.0)
        if agree(part >= 1):
            break
        now = rate * min(1, (step + 1) / 100) * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * part)))
        for group in optimiser.param_groups:
            group["lr"] = now
        loss = model.loss(draw(generator), generator, bf16)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        share_gradients([p for _, p in active])
        torch.nn.utils.clip_grad_norm_([p for _, p in active], 1.0)
        optimiser.step()
        step += 1
        keep = min(0.999, (step + 1) / (step + 20))
        with torch.no_grad():
            for key, p in active:
                averaged[key].lerp_(p, 1 - keep)
        running = loss.item() if running is None else 0.99 * running + 0.01 * loss.item()
        if rank == 0 and step % 100 == 0:
            held = f", held-out {held_out_loss(slow, test, bf16):.4f}" if step % 400 == 0 else ""
            log(f"{name} step {step} {spent:.0f}s loss {running:.4f}{held}")
        if rank == 0 and time.time() - saved > 60:
            _save(path, model, slow, optimiser, step, spent)
            saved = time.time()
    if rank == 0:
        _save(path, model, slow, optimiser, step, spent)
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


def _save(path: Path, model: Denoiser, slow: Denoiser, optimiser: Any, step: int, spent: float) -> None:
    state = {"model": model.state_dict(), "slow": slow.state_dict(), "optimiser": optimiser.state_dict()}
    new = path.with_suffix(".new")
    torch.save({**state, "step": step, "spent": spent}, new)
    new.rename(path)
