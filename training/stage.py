"""One stage of training: the loop that all stages share. It resumes, follows its schedule, averages, and saves."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from training.parallel import agree, share_gradients

SAVE_EVERY = 60.0
"""Seconds between checkpoints."""

WARM_UP = 100
"""Steps in which the learning rate rises to its highest."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long, and how fast.

    Attributes:
        rate: the highest learning rate; warm-up, then a cosine over the stage's time.
        seconds: wall clock of the stage over all its runs.
        steps: the most steps.
        floor: share of the rate at which the cosine ends.
        weight_decay: of AdamW.
        average: largest weight of the old average at a step.
        lag: steps in which the average comes to half of that.
    """

    rate: float
    seconds: float
    steps: int
    floor: float = 0.02
    weight_decay: float = 0.01
    average: float = 0.998
    lag: int = 50

    def rate_at(self, step: int, part: float) -> float:
        """The learning rate after ``step`` steps, when ``part`` of the stage is over."""
        cosine = 0.5 * (1 + math.cos(math.pi * part))
        return self.rate * min(1, (step + 1) / WARM_UP) * (self.floor + (1 - self.floor) * cosine)


def train(
    model: nn.Module,
    slow: nn.Module,
    loss: Callable[[torch.Generator], Tensor],
    path: Path,
    schedule: Schedule,
    *,
    seed: int,
    rank: int,
    report: Callable[[int, float, float], None],
    parameters: list[nn.Parameter] | None = None,
) -> tuple[int, float]:
    """Train from the checkpoint ``path``, if there is one, until the schedule is over.

    Args:
        model: trained in place.
        slow: the moving average of its weights, updated in place.
        loss: of one batch, drawn with the generator.
        path: the checkpoint, written every minute and at the end.
        schedule: how long, and how fast.
        seed: of the batches, together with the step at which this run began.
        rank: number of this process; process 0 reports and saves.
        report: told step, seconds and the mean loss of late, after every step.
        parameters: those that are trained; all without it.

    Returns:
        Steps and seconds, earlier runs of the stage included.
    """
    chosen = {id(p) for p in (model.parameters() if parameters is None else parameters)}
    active = [(name, p) for name, p in model.named_parameters() if id(p) in chosen]
    weights = [p for _, p in active]
    optimiser = torch.optim.AdamW(weights, lr=schedule.rate, betas=(0.9, 0.99), weight_decay=schedule.weight_decay)
    step, before = 0, 0.0
    if path.exists():
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"])
        slow.load_state_dict(state["slow"])
        optimiser.load_state_dict(state["optimiser"])
        step, before = state["step"], state["spent"]
    averaged = dict(slow.named_parameters())
    generator = torch.Generator().manual_seed(seed + step)
    start = saved = time.time()
    running: float | None = None

    def save() -> None:
        new = path.with_suffix(".new")
        state = {"model": model.state_dict(), "slow": slow.state_dict(), "optimiser": optimiser.state_dict()}
        torch.save({**state, "step": step, "spent": spent}, new)
        new.rename(path)

    while True:
        spent = before + time.time() - start
        part = min(max(spent / schedule.seconds, step / schedule.steps), 1.0)
        if agree(part >= 1):
            break
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate_at(step, part)
        value = loss(generator)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        share_gradients(weights)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        step += 1
        keep = min(schedule.average, step / (step + schedule.lag))
        with torch.no_grad():
            for name, p in active:
                averaged[name].lerp_(p, 1 - keep)
        running = value.item() if running is None else 0.99 * running + 0.01 * value.item()
        if rank == 0:
            report(step, spent, running)
            if time.time() - saved > SAVE_EVERY:
                save()
                saved = time.time()
    if rank == 0:
        save()
    return step, spent
