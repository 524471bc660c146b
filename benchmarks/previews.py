"""What previews of every step cost.

``python -m benchmarks.previews [--rounds N] [--frames ...]``. A model's first run ever decodes two latent frames for the map from
latents to colours, the next ones one each; later runs, of later processes too, have it. *Look* is to turn the latents of a step
into pictures. All are shares of what a step takes without, in processor time of the sampling thread: other work on the machine
hardly changes them. Steps of the kit's tiny models take milliseconds, and their decoder is larger than their denoiser.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from vstar_sdk import Session, events, hookimpl
from vstar_sdk.caches import FOLDER
from vstar_sdk.previews import CLIPS, Palette
from vstar_sdk.sampling.denoising import Denoising
from vstar_sdk.testing.tiny_factorised import write_factorised
from vstar_sdk.testing.tiny_joint import write_joint

STEPS = 25


class Clock:
    """A plugin that reads the processor time of the thread that samples; of a preview, from `Denoising.clean` to its map."""

    name = "clock"

    def __init__(self) -> None:
        self.began = self.asked = self.ended = self.previews = 0.0

    @hookimpl
    def on_stage(self, event: events.StageStart) -> None:
        """Sampling begins."""
        if event.stage == "sample":
            self.began = time.thread_time()

    @hookimpl
    def on_step(self, event: events.Step) -> None:
        """A step is done."""
        self.ended = time.thread_time()

    @contextmanager
    def watching(self) -> Generator[None]:
        """Open around a run."""
        clean, fitted = Denoising.clean, Palette.fitted

        def begun(denoising: Denoising) -> Tensor | None:
            self.asked = time.thread_time()
            return clean(denoising)

        def done(palette: Palette, *about: Any) -> Any:
            colours = fitted(palette, *about)
            self.previews += time.thread_time() - self.asked
            return colours

        with patch.object(Denoising, "clean", begun), patch.object(Palette, "fitted", done):
            yield


def sampling(session: Session, spec: Mapping[str, Any]) -> tuple[float, float, float]:
    """Seconds of the sampler without previews, seconds of these, and seconds to look at the last of them.

    Args:
        session: whose models are warm.
        spec: of the run.
    """
    clock = Clock()
    with clock.watching():
        job = session.start(dict(spec), previews=True, plugins=[clock])
        job.result()
    shown = next(event.preview for event in job.events() if isinstance(event, events.Step) and event.preview is not None)
    began = time.thread_time()
    shown.frames()
    return clock.ended - clock.began - clock.previews, clock.previews, time.thread_time() - began


def measure(spec: Mapping[str, Any], rounds: int) -> tuple[float, list[float]]:
    """Median milliseconds of a step, and the cost of previews as shares of it.

    Args:
        spec: of the run.
        rounds: runs once the map is learned.

    Returns:
        The shares in the first run, in the next ones that learn, in later ones, and of looking at a preview.
    """
    with Session() as session:
        session.run(dict(spec))
        runs = [sampling(session, spec) for _ in range(CLIPS + rounds)]
    step = statistics.median(plain for plain, _, _ in runs) / STEPS
    added = [shown / STEPS / step for _, shown, _ in runs]
    looks = statistics.median(look for _, _, look in runs) / step
    return 1000 * step, [added[0], statistics.median(added[1:CLIPS]), statistics.median(added[CLIPS:]), looks]


def specs(frames: list[int], folder: Path) -> dict[str, dict[str, Any]]:
    """The runs, by name."""
    write_factorised(folder / "factorised")
    write_joint(folder / "joint")
    common = {"seed": 1, "sampling": {"steps": STEPS}}
    found: dict[str, dict[str, Any]] = {
        f"miniworld, {count} frames": {**common, "prompt": "a landscape from winter to autumn", "frames": count}
        for count in frames
    }
    tiny = {**common, "synopsis": {"states": ["a field"]}, "regularizers": []}
    found["tiny UNet"] = {**tiny, "model": {"use": "modelscope", "path": str(folder / "factorised")}, "frames": 8}
    found["tiny Wan"] = {**tiny, "model": {"use": "wan", "path": str(folder / "joint")}, "frames": 9, "size": "32x32"}
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, nargs="+", default=[16, 64])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{STEPS} steps, 1 thread, processor time; medians of {arguments.rounds} runs\n")
    print(f"| run | a step, ms | the first run | runs 2 to {CLIPS} | later runs | to look at one |")
    print("|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER] = str(Path(folder) / "cache")
        for name, spec in specs(arguments.frames, Path(folder)).items():
            step, shares = measure(spec, arguments.rounds)
            print(f"| {name} | {step:.1f} | {' | '.join(f'{100 * share:+.1f} %' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main()
