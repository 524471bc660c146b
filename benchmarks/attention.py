"""Temporal attention with and without TAR: time of one call, all variants in turn in one process.

``python -m benchmarks.attention [--threads N] [--rounds N] [--frames N ...] [--positions N] [--device cuda --dtype bfloat16]``
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from benchmarks.timing import medians
from vstar_sdk.attention.executors import MaskedAttention
from vstar_sdk.attention.fused import FusedAttention
from vstar_sdk.attention.logits import LogitsAttention
from vstar_sdk.regularizers.tar import gaussian_band

SHAPES = {
    "VideoCrafter2, one branch": (2560, 5, 64, (16, 64, 128, 256)),
    "miniworld": (128, 3, 16, (16, 64, 128, 256)),
}
"""Positions of level 0, heads, head channels and the numbers of frames."""
SIGMA = 4.0
MOST = 2.0e8
"""Logits of the largest case that is measured in full; above it, with as many positions as give this many."""


def literal(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The formula as it is written: whole tensors in float32, the band made at every call."""
    frames = query.shape[2]
    position = torch.arange(frames, device=query.device, dtype=torch.float32)
    band = torch.exp(-((position[:, None] - position[None, :]) ** 2) / (2 * SIGMA**2))
    logits = torch.matmul(query, key.transpose(-1, -2)).float() * query.shape[-1] ** -0.5
    logits = logits + logits.max(dim=-1, keepdim=True).values * band
    return torch.matmul(torch.softmax(logits, dim=-1).to(value.dtype), value)


def row(name: str, frames: int, rounds: int, device: str, dtype: torch.dtype, most: int | None = None) -> str:
    """One line of the table."""
    positions, heads, head_dim, _ = SHAPES[name]
    positions = min(positions, most or positions, int(MOST / (heads * frames * frames)))
    # The layout that a projection leaves: frames before heads.
    shape = (positions, frames, heads, head_dim)
    q, k, v = (torch.randn(shape, dtype=dtype, device=device).transpose(1, 2) for _ in range(3))
    band = gaussian_band(frames, SIGMA)
    tar, masked = LogitsAttention({"max": band}), MaskedAttention(band)
    fused = FusedAttention({"max": band}, tar)
    for one in (tar, fused) if device != "cpu" else (tar,):
        difference = (one(q, k, v) - literal(q, k, v)).abs().max()
        assert difference < (1e-5 if dtype == torch.float32 else 3e-2), difference

    def timed(call: Callable[[], Tensor]) -> Callable[[], None]:
        def run() -> None:
            call()
            if device != "cpu":
                torch.cuda.synchronize()

        return run

    variants = {
        "plain": timed(lambda: scaled_dot_product_attention(q, k, v)),
        "mask": timed(lambda: masked(q, k, v)),
        "tar": timed(lambda: tar(q, k, v)),
        "literal": timed(lambda: literal(q, k, v)),
    }
    if device != "cpu":
        variants["fused"] = timed(lambda: fused(q, k, v))
    found = medians(variants, rounds)
    cells = [f"{found[other] / found['plain']:.2f}" if other in found else "" for other in ("mask", "tar", "fused", "literal")]
    faster = f"{found['literal'] / found['tar']:.1f}"
    return f"| {name} | {frames} | {positions} | {found['plain'] * 1e3:.2f} ms | {' | '.join(cells)} | {faster} |"


@torch.no_grad()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--frames", type=int, nargs="+", help="instead of each shape's own")
    parser.add_argument("--positions", type=int, help="at most so many")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    where = f"{arguments.threads} thread(s)" if arguments.device == "cpu" else torch.cuda.get_device_name()
    print(
        f"{arguments.dtype}, {where}, median of {arguments.rounds - 1} calls; times relative to plain attention of the same row\n"
    )
    print("| attention of | frames | positions | plain | a fixed mask | TAR, ours | fused | TAR as written | ours is faster by |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, (*_, lengths) in SHAPES.items():
        for frames in arguments.frames or lengths:
            dtype = getattr(torch, arguments.dtype)
            print(row(name, frames, arguments.rounds, arguments.device, dtype, arguments.positions), flush=True)


if __name__ == "__main__":
    main()
