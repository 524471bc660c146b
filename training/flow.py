"""Training of the joint denoiser by flow matching; the text is frozen."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from training.denoiser import Batch
from training.parallel import Log
from training.stage import Schedule, train
from training.text import look_up

LEVELS = (0.3, 0.6, 0.8, 0.95)
"""Shares of noise at which the held-out loss is measured."""


class Flow(nn.Module):
    """A joint denoiser and its loss.

    Args:
        transformer: made by `new_transformer`.
        table: the embeddings of all captions, see `caption_table`; not trained.
    """

    def __init__(self, transformer: Any, table: Tensor) -> None:
        super().__init__()
        self.transformer = transformer
        self._table = (table,)  # no part of the checkpoint

    def velocity(self, noisy: Tensor, level: Tensor, text: Tensor) -> Tensor:
        """The predicted ``noise - latents``.

        Args:
            noisy: ``(B, 16, F, 8, 8)``.
            level: shares of noise, ``(B,)``.
            text: ``(B * F, tokens, dim)``.
        """
        return self.transformer(noisy, level * 1000, text, return_dict=False)[0]

    def loss(self, batch: Batch, generator: torch.Generator, level: float | None = None) -> Tensor:
        """The velocity's squared error, mean over all; ``level`` fixes the share of noise, which is random without it."""
        return self.errors(batch, generator, level).mean()

    def errors(self, batch: Batch, generator: torch.Generator, level: float | None = None) -> Tensor:
        """The same for every clip, ``(B,)``."""
        count = len(batch.latents)
        dropped = torch.rand(count, 1, generator=generator) < 0.1
        low, high = (torch.where(dropped, 0, part) for part in (batch.low, batch.high))
        levels = draw_levels(told_at_once(batch), generator) if level is None else torch.full((count,), level)
        latents = batch.latents.transpose(1, 2).float()
        noise = torch.randn(latents.shape, generator=generator)
        share = levels.view(-1, 1, 1, 1, 1)
        out = self.velocity((1 - share) * latents + share * noise, levels, look_up(self._table[0], low, high, batch.weight))
        return functional.mse_loss(out, noise - latents, reduction="none").mean((1, 2, 3, 4))


def told_at_once(batch: Batch) -> Tensor:
    """Which clips have one caption that is not mixed, ``(B,)``."""
    return ((batch.low == batch.high) & (batch.low == batch.low[:, :1])).all(1)


def draw_levels(at_once: Tensor, generator: torch.Generator) -> Tensor:
    """Random shares of noise, ``(B,)``: half of them uniform, half shifted towards noise, by 3, or 6 for clips told at once.

    Where one caption tells the whole clip, the order of its frames is decided early: only 3 in 10 are uniform there. The shift is
    that of Esser et al. 2024: ``s = shift u / (1 + (shift - 1) u)``.
    """
    uniform = torch.rand(at_once.shape, generator=generator)
    plain = torch.rand(at_once.shape, generator=generator) < torch.where(at_once, 0.3, 0.5)
    shift = torch.where(at_once, 6.0, 3.0)
    return torch.where(plain, uniform, shift * uniform / (1 + (shift - 1) * uniform))


@torch.no_grad()
def held_out_losses(model: Flow, test: Batch) -> list[float]:
    """Losses at `LEVELS` on held-out clips, with noise that is the same every time."""
    return [float(model.loss(test, torch.Generator().manual_seed(0), level)) for level in LEVELS]


@dataclass(frozen=True)
class HeldOut:
    """Held-out clips with a text for every frame, and the changes among them told by one caption."""

    each: Batch
    once: Batch

    def tell(self, model: Flow) -> str:
        """The losses as a line of the log."""
        each, once = (" ".join(f"{value:.3f}" for value in held_out_losses(model, part)) for part in (self.each, self.once))
        return f"held-out {each}, told at once {once}"


def train_flow(
    model: Flow,
    slow: Flow,
    draw: Callable[[torch.Generator], Batch],
    test: HeldOut,
    path: Path,
    name: str,
    schedule: Schedule,
    *,
    rank: int,
    log: Log,
    every: int = 250,
) -> None:
    """One stage of training: `training.denoiser.train_denoiser` says what the arguments are.

    A line of the log comes every 50 steps, and the held-out loss with those that ``every`` divides.
    """

    def report(step: int, spent: float, value: float) -> None:
        if step % 50 == 0:
            held = f", {test.tell(slow)}" if step % every == 0 else ""
            log(f"{name} step {step} {spent:.0f}s loss {value:.4f}{held}")

    step, spent = train(
        model,
        slow,
        lambda generator: model.loss(draw(generator), generator),
        path,
        schedule,
        seed=7919 * rank + 1,
        rank=rank,
        report=report,
    )
    if rank == 0:
        log(f"{name} done: {step} steps, {spent:.0f}s, {test.tell(slow)}")
