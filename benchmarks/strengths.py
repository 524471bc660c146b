"""What a changing strength and a memory cost: one step of the embedded model, 64 frames. ``python -m benchmarks.strengths``."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from vstar_sdk import Memory, Moment, Regularizer, RegularizerOptions, Site
from vstar_sdk.attention.nursing import Nursing, nurse
from vstar_sdk.attention.operations import Operation
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.clock import Clock
from vstar_sdk.miniworld.parts import miniworld
from vstar_sdk.models.contract import SamplingAdapter
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions

FRAMES, STEPS = 64, 10


class Watching:
    """TAR whose strength follows every map."""

    def __init__(self, options: TarOptions) -> None:
        self._tar = Tar(options)
        self.options: RegularizerOptions = options

    def operations(self, site: Site) -> Sequence[Operation]:
        """Those of TAR."""
        return self._tar.operations(site)

    def watches(self, site: Site) -> tuple[float, float] | None:
        """Every site where TAR acts, in every step."""
        return (0.0, 1.0) if self.operations(site) else None

    def begin(self, sites: Sequence[Site], steps: int) -> Memory:
        """The share of attention on the diagonal, by site."""
        return Shares()


class Shares:
    """What is watched."""

    def __init__(self) -> None:
        self._latest: dict[Site, float] = {}

    def observe(self, site: Site, moment: Moment, attention: Tensor) -> None:
        """Keep the share on the diagonal."""
        self._latest[site] = float(attention.diagonal().mean())

    def strength(self, site: Site, moment: Moment) -> float:
        """What it lacks of all."""
        return 1.0 - self._latest.get(site, 0.0)


def tar(**options: object) -> TarOptions:
    """TAR at both levels in all steps."""
    return TarOptions.model_validate({"sigma": {0: 4, 1: 8}, "window": (0.0, 1.0), **options})


@torch.inference_mode()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    adapter = miniworld(FramewiseOptions()).load("cpu", "float32")
    assert isinstance(adapter, SamplingAdapter)
    latents = torch.randn(2, *adapter.latent_shape(FRAMES, 64, 64)[1:])
    text = adapter.encode(["", "a landscape in winter"])[:, None].repeat(1, FRAMES, 1, 1)
    ways: dict[str, list[Regularizer]] = {
        "plain": [],
        "tar": [Tar(tar())],
        "tar, a course": [Tar(tar(strength={"from": 1.0, "to": 0.2}))],
        "tar, its maps watched": [Watching(tar())],
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    moved: dict[str, list[float]] = {name: [] for name in ways}

    def steps(name: str, nursing: Nursing) -> None:
        for step in range(STEPS):
            began = time.perf_counter()
            nursing.at(step, STEPS, 1000.0 - 100.0 * step)
            between = time.perf_counter()
            adapter.denoise(latents, torch.tensor(500), text)
            moved[name].append(between - began)
            taken[name].append(time.perf_counter() - began)

    for _ in range(rounds):
        for name, regularizers in ways.items():
            plan = plan_attention(adapter.facts.sites, regularizers, Clock(FRAMES, 8.0), STEPS)
            with adapter.sampling(), nurse(adapter.denoiser, plan, adapter.family) as nursing:
                steps(name, nursing)
    print(f"miniworld, {FRAMES} frames, float32, {torch.get_num_threads()} thread(s), medians of {rounds * STEPS} steps\n")
    print("| | a step, ms | of these between steps, ms |\n|---|---:|---:|")
    for name in ways:
        step, between = (1e3 * statistics.median(values) for values in (taken[name], moved[name]))
        print(f"| {name} | {step:.0f} | {between:.2f} |")


if __name__ == "__main__":
    main()
