"""Temporal attention with and without TAR: time of one call, all variants in turn in one process.

``python -m benchmarks.attention [--threads N] [--rounds N]``
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.attention.executors import MaskedAttention
from vstar_sdk.attention.logits import LogitsAttention
from vstar_sdk.regularizers.tar import gaussian_band

SHAPES = {"miniworld": (128, 3, 16), "VideoCrafter2, an eighth": (320, 5, 64)}
"""Batch (positions times guidance branches), heads, head channels of level 0."""
FRAMES = (16, 64, 128)
SIGMA = 4.0


def literal(query: Tensor, key: Tensor, value: Tensor, band: Tensor) -> Tensor:
    """The formula as it is written: ``softmax(A + max_j(A) G) V`` on whole tensors."""
    logits = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    return (logits + logits.amax(dim=-1, keepdim=True) * band).softmax(dim=-1) @ value


def times(variants: dict[str, Callable[[], Tensor]], rounds: int) -> dict[str, float]:
    """Median seconds of each variant; they take turns, so that other load on the machine falls on all alike."""
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, call in variants.items():
            began = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}


def row(name: str, frames: int, rounds: int) -> str:
    """One line of the table."""
    batch, heads, head_dim = SHAPES[name]
    # The layout that a projection leaves: frames before heads.
    q, k, v = (torch.randn(batch, frames, heads, head_dim).transpose(1, 2) for _ in range(3))
    band = gaussian_band(frames, SIGMA)
    tar, masked, single = LogitsAttention({"max": band}), MaskedAttention(band), band.float()
    difference = (tar(q, k, v) - literal(q, k, v, single)).abs().max()
    assert difference < 1e-5, difference
    found = times(
        {
            "plain": lambda: scaled_dot_product_attention(q, k, v),
            "mask": lambda: masked(q, k, v),
            "tar": lambda: tar(q, k, v),
            "literal": lambda: literal(q, k, v, single),
        },
        rounds,
    )
    cells = [f"{found[other] / found['plain']:.2f}" for other in ("mask", "tar", "literal")]
    return f"| {name} | {frames} | {found['plain'] * 1e3:.2f} ms | {' | '.join(cells)} |"


@torch.no_grad()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=31)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"float32, {arguments.threads} thread(s), median of {arguments.rounds - 1} calls, times relative to plain attention\n")
    print("| attention of | frames | plain | a fixed mask | TAR, ours | TAR, the formula as written |")
    print("|---|---:|---:|---:|---:|---:|")
    for name in SHAPES:
        for frames in FRAMES:
            print(row(name, frames, arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
