"""What the options of speed give on this CPU: the embedded model, 64 frames. ``python -m benchmarks.options [--rounds N]``."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.clock import Clock
from vstar_sdk.miniworld.parts import miniworld
from vstar_sdk.models.contract import SamplingAdapter
from vstar_sdk.models.diffusers.measuring import LiveBytes
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions

FRAMES = 64
BATCHES = (1, 2, 4, 8, 16, 64)


def adapter_with(**options: object) -> SamplingAdapter:
    """The embedded model with some options."""
    adapter = miniworld(FramewiseOptions.model_validate(options)).load("cpu", "float32")
    assert isinstance(adapter, SamplingAdapter)
    return adapter


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def decoding(rounds: int) -> None:
    """Print what a batch of frames gives and takes; the batches in turn."""
    adapters = {batch: adapter_with(decode_batch=batch) for batch in BATCHES}
    latents = torch.randn(adapters[1].latent_shape(FRAMES, 64, 64))
    taken: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    for _ in range(rounds + 1):
        for batch, adapter in adapters.items():
            taken[batch].append(seconds(lambda adapter=adapter: list(adapter.decode(latents))))
    print("| `decode_batch` | ms for 64 frames | MiB of tensors at once |\n|---:|---:|---:|")
    for batch, adapter in adapters.items():
        with LiveBytes() as memory:
            for _ in adapter.decode(latents):
                pass
        print(f"| {batch} | {1e3 * statistics.median(taken[batch][1:]):.0f} | {memory.peak / 2**20:.1f} |")


@torch.inference_mode()
def compiling(rounds: int) -> None:
    """Print what compiling gives and takes: steps with and without TAR, compiled and not, in turn."""
    adapters = {False: adapter_with(), True: adapter_with(compile=True)}
    plain = adapters[False]
    plan = plan_attention(plain.facts.sites, [Tar(TarOptions(sigma={0: 4.0, 1: 8.0}, window=(0.0, 0.5)))], Clock(FRAMES, 8.0))
    latents = torch.randn(2, *plain.latent_shape(FRAMES, 64, 64)[1:])
    text = plain.encode(["", "a landscape in winter"])[:, None].repeat(1, FRAMES, 1, 1)
    first: dict[tuple[bool, int], float] = {}
    taken: dict[tuple[bool, int], list[float]] = {}
    for turn in range(rounds + 1):
        for compiled, adapter in adapters.items():
            with adapter.sampling(), nurse(adapter.denoiser, plan, adapter.family) as nursing:
                for step in (0, 1):
                    nursing.at(step, 2)
                    took = seconds(lambda adapter=adapter: adapter.denoise(latents, torch.tensor(500), text))
                    first.setdefault((compiled, step), took)
                    if turn:
                        taken.setdefault((compiled, step), []).append(took)
    print("| `compile` | a step, ms | a step with TAR, ms | the first steps of each kind, s |\n|---|---:|---:|---:|")
    for compiled in adapters:
        tar, without = (1e3 * statistics.median(taken[compiled, step]) for step in (0, 1))
        print(f"| {str(compiled).lower()} | {without:.0f} | {tar:.0f} | {first[compiled, 0] + first[compiled, 1]:.1f} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    print(f"miniworld, {FRAMES} frames, float32, {torch.get_num_threads()} thread(s), medians of {rounds}\n")
    decoding(rounds)
    print()
    compiling(rounds)


if __name__ == "__main__":
    main()
