"""What the methods of vstar-longvideo cost: one step of the embedded model, next to the plain one, taking turns in one process.

``python -m benchmarks.longvideo [--rounds N] [--frames F]``. It needs the plugin: ``pip install -e plugins/vstar-longvideo``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.timing import medians
from vstar_sdk import load_spec
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.runs.plan import make_plan

METHODS: dict[str, list[dict[str, Any]]] = {
    "plain": [],
    "tar": [{"use": "tar", "sigma": {0: 1, 1: 8}}],
    "freenoise": [{"use": "longvideo/freenoise"}],
    "freelong": [{"use": "longvideo/freelong"}],
    "freelong, windows [1, 2]": [{"use": "longvideo/freelong", "windows": [1, 2]}],
    "enhance": [{"use": "longvideo/enhance"}],
    "ultravico": [{"use": "longvideo/ultravico"}],
    "first-frame": [{"use": "longvideo/first-frame"}],
    "off-diagonal": [{"use": "longvideo/off-diagonal"}],
    "profile": [{"use": "longvideo/profile", "sigma": {0: 1, 1: 8}}],
    "loop": [{"use": "longvideo/loop", "sigma": {0: 1, 1: 8}}],
}


@torch.inference_mode()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--frames", type=int, default=64)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    story = {"prompt": "a landscape from winter to autumn", "frames": arguments.frames}
    plain = make_plan(load_spec(story))
    adapter = plain.source.load("cpu", "float32")
    shape = adapter.latent_shape(arguments.frames, plain.settings.height, plain.settings.width)
    latents = torch.randn(shape).expand(2, -1, -1, -1, -1)
    text = adapter.encode(["", "a landscape in winter"])[:, None].expand(-1, arguments.frames, -1, -1)

    def step(regularizers: list[dict[str, Any]]) -> Callable[[], None]:
        written = [{"window": [0, 1], **one} for one in regularizers]
        plan = make_plan(load_spec({**story, "regularizers": written}))

        def call() -> None:
            with nurse(adapter.denoiser, plan.attention, adapter.family) as nursing:
                nursing.call((False, True), *shape[-2:])
                nursing.at(0, 2, 999.0)
                adapter.denoise(latents, torch.tensor(999), text)
                nursing.at(1, 2, 499.0)  # a memory takes in what it has seen

        return call

    found = medians({name: step(regularizers) for name, regularizers in METHODS.items()}, arguments.rounds, time.process_time)
    print(
        f"{arguments.frames} frames of {tuple(shape[-2:])} latents, both branches of guidance, one thread; "
        f"medians of {arguments.rounds - 1} steps, seconds of the processor\n\n| method | seconds | relative |\n|---|---:|---:|"
    )
    for name, seconds in found.items():
        print(f"| {name} | {seconds:.3f} | {seconds / found['plain']:.2f} |")


if __name__ == "__main__":
    main()
