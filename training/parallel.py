"""Training in several one-thread processes: gradients averaged over gloo, and the log."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

Log = Callable[[str], None]
"""Writes one line."""


def join(rank: int, count: int, port: int) -> None:
    """Make this process, with one thread, number ``rank`` of ``count``."""
    torch.set_num_threads(1)
    if count > 1:
        os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = "127.0.0.1", str(port)
        dist.init_process_group("gloo", rank=rank, world_size=count)


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def wait() -> None:
    """Until all processes are here."""
    if world_size() > 1:
        dist.barrier()


def agree(value: bool) -> bool:
    """Process 0's opinion, on every process."""
    if world_size() == 1:
        return value
    flag = torch.tensor([float(value)])
    dist.broadcast(flag, 0)
    return bool(flag.item())


def share_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Average gradients over the processes, in one message."""
    if world_size() == 1:
        return
    grads = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in grads])
    dist.all_reduce(flat)
    flat /= world_size()
    for grad, part in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
        grad.copy_(part.view_as(grad))


def logger(folder: Path) -> Log:
    """Logs to the console and to ``folder/log.txt``."""

    def log(text: str) -> None:
        line = f"{time.strftime('%H:%M:%S')} {text}"
        print(line, flush=True)
        with open(folder / "log.txt", "a") as file:
            file.write(line + "\n")

    return log
