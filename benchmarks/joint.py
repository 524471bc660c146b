"""Attention over all tokens of a clip with and without TAR: its time, and its peak memory at the size of Wan.

``python -m benchmarks.joint [--threads N] [--rounds N]``: times in turn in one process; the memory of every variant in a process
of its own, as the growth of the peak resident set over what the process had before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.timing import medians
from vstar_sdk.attention.executors import plain_attention
from vstar_sdk.attention.joint import JointAttention
from vstar_sdk.attention.joint_biases import attend_without_mask
from vstar_sdk.regularizers.tar import gaussian_band

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]

SIGMA = 4.0
HEAD_DIM = 128
TIMED = (21, 195)
"""Latent frames and positions: 4,095 tokens."""
WAN = (21, 1560)
"""81 frames of 832 x 480 in Wan 2.1: 32,760 tokens."""


def variants(frames: int) -> dict[str, Attention]:
    """What is compared. The mask-free form is what a GPU runs."""
    band = gaussian_band(frames, SIGMA)
    single = band.float()
    return {
        "plain": plain_attention,
        "TAR, ours": JointAttention({"max": band}),
        "the same with `spread`": JointAttention({"spread": band}),
        "a bias without a statistic": JointAttention({"none": band}),
        "TAR, the mask-free form": lambda q, k, v: attend_without_mask(q, k, v, {"max": single}, chunk=2**19),
        "TAR, the formula as written": lambda q, k, v: literal(q, k, v, single),
    }


def literal(query: Tensor, key: Tensor, value: Tensor, band: Tensor) -> Tensor:
    """``softmax(A + max_j(A) G) V`` on the whole matrix of tokens by tokens."""
    positions = query.shape[-2] // len(band)
    logits = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    spread = band.repeat_interleave(positions, 0).repeat_interleave(positions, 1)
    return (logits + logits.amax(dim=-1, keepdim=True) * spread).softmax(dim=-1) @ value


def expected_largest(count: int) -> float:
    """What ``spread`` is of ``count`` independent normal logits on average, in their standard deviations."""
    x = torch.linspace(-10.0, 10.0, 200_001, dtype=torch.float64)
    middle, weight = (x[1:] + x[:-1]) / 2, (torch.special.ndtr(x) ** count).diff()
    return float((middle * weight).sum())


def tensors(frames: int, positions: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random queries, keys and values of one head."""
    q, k, v = torch.randn(3, 1, 1, frames * positions, HEAD_DIM).unbind(0)
    return q, k, v


def peak(name: str) -> dict[str, float]:
    """MB that the peak of this process grows by: with queries, keys and values, and without."""
    attend, small = variants(WAN[0])[name], tensors(WAN[0], 4)
    attend(*small)  # libraries that are loaded at the first call are not part of it
    before = _resident("VmRSS")
    inputs = tensors(*WAN)
    made = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins again: importing a library has reached higher
    attend(*inputs)
    highest = _resident("VmHWM")
    return {"whole": highest - before, "beside": highest - made}


def _resident(line: str) -> float:
    """MB of this process: now (``VmRSS``) or at the peak (``VmHWM``); Linux only."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{line}:")[1].split()[0]) / 2**10


@torch.no_grad()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.variant:
        print(json.dumps(peak(arguments.variant)))
        return
    inputs, called = tensors(*TIMED), variants(TIMED[0])
    for name in ("TAR, ours", "TAR, the mask-free form"):
        difference = (called[name](*inputs) - called["TAR, the formula as written"](*inputs)).abs().max()
        assert difference < 1e-5, (name, difference)
    seconds = medians({name: lambda attend=attend: attend(*inputs) for name, attend in called.items()}, arguments.rounds)
    print(f"One head of {HEAD_DIM} channels, {TIMED[0]} latent frames, float32, {arguments.threads} thread(s); time: median of")
    print(f"{arguments.rounds - 1} calls at {TIMED[0] * TIMED[1]:,} tokens. Peak memory at {WAN[0] * WAN[1]:,} tokens, with the")
    print("queries, keys and values, and of the attention alone.\n")
    print("| attention | time | of plain | peak | of plain | alone | of plain |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    memory: dict[str, dict[str, float]] = {}
    for name in called:
        cells = [f"{seconds[name] * 1e3:.0f} ms", f"{seconds[name] / seconds['plain']:.2f}"]
        if name == "TAR, the formula as written":
            cells += ["not run: four matrices of 4.3 GB", "", "", ""]
        else:
            memory[name] = _measured(name)
            for part in ("whole", "beside"):
                cells += [f"{memory[name][part]:.0f} MB", f"{memory[name][part] / memory['plain'][part]:.2f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    rows = ", ".join(f"{expected_largest(count):.2f} of {count:,}" for count in (16, 64, TIMED[0] * TIMED[1], WAN[0] * WAN[1]))
    print(f"\nThe largest of independent normal logits, in standard deviations: {rows}.")


def _measured(name: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.joint", "--variant", name]
    done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
