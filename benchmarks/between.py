"""Frames between frames, against renders whose truth is known. ``python -m benchmarks.between``."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstar_sdk.finishers.interpolate import Interpolate, InterpolateOptions
from vstar_sdk.footage import Footage
from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.world import scene

FRAMES = 24


def decibels(made: NDArray[Any], truth: NDArray[Any]) -> float:
    """The mean peak signal-to-noise ratio of frames."""
    off = ((made.astype(float) - truth) ** 2).mean(axis=(1, 2, 3))
    return float((10 * np.log10(255**2 / np.maximum(off, 1e-9))).mean())


def main() -> None:
    """Print a table: every family with a standing camera, and those that pan, half of whose frames are made again."""
    argparse.ArgumentParser(prog="python -m benchmarks.between", description=__doc__).parse_args()
    print("| scene | blend, dB | motion, dB | motion, ms a frame |\n|---|---|---|---|")
    times = np.arange(0, FRAMES, 0.5)
    for family in families().values():
        for pan in (0.0, 3.0) if family.pans else (0.0,):
            camera = (100 + pan * times,) if pan else ()
            truth = scene(family.name, 4).render(np.linspace(0, 1, len(times)), times, *camera)[:-1]
            row: list[float] = []
            for method in ("blend", "motion"):
                part = Interpolate(InterpolateOptions.model_validate({"method": method}))
                clip = Footage(frames=FRAMES, width=64, height=64, fps=8.0)
                began = time.perf_counter()
                made = np.stack(list(part.finish(iter(truth[::2]), clip)))
                row += [decibels(made[1::2], truth[1::2]), 1000 * (time.perf_counter() - began) / (FRAMES - 1)]
            title = f"{family.name}, panning" if pan else family.name
            print(f"| {title} | {row[0]:.1f} | {row[2]:.1f} | {row[3]:.0f} |", flush=True)


if __name__ == "__main__":
    main()
