"""Training of the judge, on renders as they are and as the finished VAE shows them."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as functional
from safetensors.torch import save_file
from torch import Tensor

from training.data import Frames
from training.parallel import Log
from training.precision import mixed
from training.stage import Schedule, train
from training.vae import to_unit
from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.judge import JudgeNet, stages_of

if TYPE_CHECKING:
    from training.plan import Plan

RATE = 2e-3


def train_judge(frames: Frames, held_out: Frames, vae: Any, folder: Path, plan: "Plan", log: Log, rank: int) -> None:
    """Train until the plan's time or steps are over and write ``folder/judge/model.safetensors``; resumes from ``judge.pt``.

    Args:
        frames: training pictures.
        held_out: pictures of other layouts, on which its error is measured as the decoder shows them.
        vae: the finished VAE.
        folder: of the run.
        plan: how long, and the batch of one process.
        log: writes a line.
        rank: number of this process.
    """
    done = folder / "judge" / "model.safetensors"
    if done.exists():
        return
    seen = _as_shown(vae, frames, folder / f"shown{rank}.npy", plan.layouts * 8 // 2)
    torch.manual_seed(0)
    names = list(families())
    net, slow = JudgeNet(len(names)), JudgeNet(len(names))
    slow.load_state_dict(net.state_dict())
    cyclic = torch.tensor([family.cyclic for family in families().values()])
    family, stage = torch.from_numpy(frames.family), torch.from_numpy(frames.stage)
    pictures = torch.from_numpy(frames.pictures)

    def loss(generator: torch.Generator) -> Tensor:
        chosen = torch.randint(len(seen), (plan.judge_batch,), generator=generator)
        plain = torch.rand(plan.judge_batch, generator=generator) < 0.3
        x = to_unit(torch.where(plain.view(-1, 1, 1, 1), pictures[chosen], seen[chosen]))
        with mixed():
            out = net(_worn(x, generator)).float()
        return _loss(out, family[chosen], stage[chosen], cyclic)

    def report(step: int, spent: float, value: float) -> None:
        if step % 400 == 0:
            log(f"judge step {step} {spent:.0f}s loss {value:.4f}")

    schedule = Schedule(rate=RATE, seconds=plan.judge_seconds, steps=plan.steps, floor=0.01, weight_decay=0.02)
    step, _ = train(net, slow, loss, folder / "judge.pt", schedule, seed=5003 * rank, rank=rank, report=report)
    if rank == 0:
        test = _as_shown(vae, held_out, folder / "shown-held.npy", len(held_out.stage))
        error, right = errors(lambda x: slow(x), test, held_out)
        about = {"families": ",".join(names), "error": ",".join(f"{error[name]:.4f}" for name in names)}
        done.parent.mkdir(exist_ok=True)
        new = done.with_suffix(".new")
        save_file({key: value.half().contiguous() for key, value in slow.state_dict().items()}, new, metadata=about)
        new.rename(done)
        log(f"judge done: {step} steps, families right {right:.4f}, stage errors {error}")


@torch.no_grad()
def errors(net: Callable[[Tensor], Tensor], pictures: Tensor, frames: Frames) -> tuple[dict[str, float], float]:
    """Mean stage error of every family, and the share of frames whose family was told right."""
    known = families()
    cyclic = torch.tensor([family.cyclic for family in known.values()])
    output = torch.cat([net(to_unit(part)) for part in pictures.split(64)])
    stages = stages_of(output, cyclic).numpy()
    found: dict[str, float] = {}
    for place, (name, family) in enumerate(known.items()):
        mine = frames.family == place
        off = np.abs(stages[mine, place] - frames.stage[mine])
        off = np.minimum(off % 1, 1 - off % 1) if family.cyclic else off
        found[name] = round(float(off.mean()), 4) if mine.any() else math.nan
    return found, float((output[..., 0].argmax(-1).numpy() == frames.family).mean())


def _loss(out: Tensor, family: Tensor, stage: Tensor, cyclic: Tensor) -> Tensor:
    """Cross entropy of the family, and the error of the stage of the true family."""
    mine = out[torch.arange(len(out)), family]
    angle = 2 * torch.pi * stage
    turning = functional.smooth_l1_loss(mine[:, 1], angle.cos(), beta=0.1, reduction="none")
    turning = turning + functional.smooth_l1_loss(mine[:, 2], angle.sin(), beta=0.1, reduction="none")
    straight = functional.smooth_l1_loss(mine[:, 1], stage, beta=0.02, reduction="none")
    off = torch.where(cyclic[family], turning, 4 * straight)
    return 0.3 * functional.cross_entropy(out[..., 0], family) + 3 * off.mean()


def _worn(x: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures with noise, blur and another brightness, a different share of each."""
    count = len(x)
    blurred = functional.avg_pool2d(functional.pad(x, (2, 2, 2, 2), mode="replicate"), 5, 1)
    share = torch.rand(count, 1, 1, 1, generator=generator) * (torch.rand(count, 1, 1, 1, generator=generator) < 0.5)
    x = torch.lerp(x, blurred, share)
    contrast = 1 + 0.04 * torch.randn(count, 1, 1, 1, generator=generator)
    x = contrast * x + 0.03 * torch.randn(count, 3, 1, 1, generator=generator)
    return x + 0.05 * torch.rand(count, 1, 1, 1, generator=generator) * torch.randn(x.shape, generator=generator)


@torch.no_grad()
def _as_shown(vae: Any, frames: Frames, path: Path, count: int) -> Tensor:
    """The first ``count`` pictures through the VAE, its latents a little disturbed; kept in ``path``."""
    if not path.exists():
        generator = torch.Generator().manual_seed(0)
        parts: list[Tensor] = []
        with mixed():
            for part in torch.from_numpy(frames.pictures[:count]).split(64):
                mean = vae.encode(to_unit(part)).latent_dist.mean
                out = vae.decode(mean + 0.1 * torch.randn(mean.shape, generator=generator)).sample
                parts.append(((out.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1))
        new = path.with_suffix(".new.npy")
        np.save(new, torch.cat(parts).numpy())
        new.rename(path)
    return torch.from_numpy(np.load(path))
