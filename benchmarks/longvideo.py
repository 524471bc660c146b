"""What every method costs: one guided step with it, next to the plain one, taking turns in one process.

``python -m benchmarks.longvideo [--rounds N] [--frames F]``: regularizers, guidances and recorded maps on the embedded model, and
regularizers, texts and recorded maps on a network of Wan's kind, whose tokens all attend to each other (random weights, a small
size). It needs the plugin: ``pip install -e plugins/vstar-longvideo``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from vstar_sdk import load_spec
from vstar_sdk.attention.moment import Moment
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site
from vstar_sdk.attention.telling import told
from vstar_sdk.runs.engine import engine_of
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.sampling.conditioning import Conditioning
from vstar_sdk.sampling.guided import Guided
from vstar_sdk.testing.tiny_joint import write_joint
from vstar_sdk.texts.reading import read_text

Change = Mapping[str, Any]
"""Of a spec; ``maps`` records attention maps."""


def regularizer(use: str, **options: Any) -> Change:
    """A spec's regularizer in all steps."""
    return {"regularizers": [{"use": use, "window": [0, 1], **options}]}


def guidance(use: str, **options: Any) -> Change:
    """A spec's guidance."""
    return {"sampling": {"guidance": {"use": use, **options}}}


BANDS = {0: 1, 1: 8}

FACTORISED: Mapping[str, Change] = {
    "plain": {},
    "`tar`": regularizer("tar", sigma=BANDS),
    "`freenoise`": regularizer("longvideo/freenoise"),
    "`freelong`": regularizer("longvideo/freelong"),
    "`freelong`, `windows: [1, 2]`": regularizer("longvideo/freelong", windows=[1, 2]),
    "`enhance`": regularizer("longvideo/enhance"),
    "`ultravico`": regularizer("longvideo/ultravico"),
    "`first-frame`": regularizer("longvideo/first-frame"),
    "`first-frame`, `branches: all`": regularizer("longvideo/first-frame", branches="all"),
    "`off-diagonal`": regularizer("longvideo/off-diagonal"),
    "`profile`": regularizer("longvideo/profile", sigma=BANDS),
    "`loop`": regularizer("longvideo/loop", sigma=BANDS),
    "recorded maps (`diagonalness`)": {"maps": True},
    "`apg`": guidance("apg"),
    "`apg-mix`": guidance("apg-mix", after=0),
    "`fdg`": guidance("fdg"),
    "`cfg-zero`": guidance("cfg-zero", zero_steps=0),
    "`tcfg`": guidance("tcfg"),
    "`mambo-g`": guidance("mambo-g"),
    "`pag`": guidance("pag"),
    "`slg`, level 1": guidance("slg", levels=[1], window=[0, 1]),
    "plain, `guidance_batch: two`": {"sampling": {"guidance_batch": "two"}},
    "`slg`, level 1, `guidance_batch: two`": {
        "sampling": {"guidance_batch": "two", "guidance": {"use": "slg", "levels": [1], "window": [0, 1]}}
    },
}

TRAINED = 8
"""Latent frames that the joint network's methods take for its training length."""

JOINT: Mapping[str, Change] = {
    "plain": {},
    "`relay`": {"timeline": {"use": "relay"}},
    "`tar`": regularizer("tar", sigma={0: 1}),
    "`freenoise`": regularizer("longvideo/freenoise", size=TRAINED, stride=2),
    "`freelong`": regularizer("longvideo/freelong", trained_frames=TRAINED),
    "`enhance`": regularizer("longvideo/enhance"),
    "`ultravico`": regularizer("longvideo/ultravico", trained_frames=TRAINED),
    "`first-frame`": regularizer("longvideo/first-frame"),
    "`riflex`": regularizer("longvideo/riflex", frequency=1),
    "`speed`": regularizer("longvideo/speed", factor=0.5),
    "recorded maps (`diagonalness`)": {"maps": True},
    "`pag`": guidance("pag"),
}

NETWORK = {"num_attention_heads": 4, "attention_head_dim": 64, "ffn_dim": 1024, "num_layers": 3, "freq_dim": 64}
"""Of the joint network, beside what `write_joint` has."""

STATES = ["a green landscape in summer", "an orange landscape in autumn", "a snowy landscape in winter"]


def step_of(adapter: Any, spec: Mapping[str, Any]) -> Callable[[], float]:
    """A step of a spec: seconds of the processor, without the making of matrices, which happens once a run."""
    maps = spec.get("maps", False)
    plan = make_plan(load_spec({key: value for key, value in spec.items() if key != "maps"}))
    engine, numbers, story = engine_of(plan.loaded, plan.facts), plan.settings, plan.tell_story()
    *states, negative = adapter.encode([*story.synopsis.prompts(), ""])
    given = read_text(plan.text, plan.spec.timeline.part, story.synopsis, torch.stack(states), plan.attention.clock)
    conditioning = Conditioning(given.embeddings, negative, None if given.bias is None else given.bias.double())
    attention = plan.attention
    if plan.text.reads == "states":
        attention = told(attention, conditioning.bias, conditioning.text.shape[1], story.timeline.spans())
    sites = [Site.at(address, attention.clock) for address in plan.facts.sites]
    recording = Recording(sites, [0]) if maps else None
    shape = adapter.latent_shape(numbers.frames, numbers.height, numbers.width)
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(0))

    def call() -> float:
        with nurse(adapter.denoiser, attention, adapter.family, recording=recording) as nursing:
            text, other = conditioning.sequences()
            guided = Guided(adapter, text, other, engine.guidance, max(2.0, engine.scale), numbers.guidance_batch, nursing)
            guided.begin()
            nursing.at(0, 2, 999.0)
            began = time.process_time()
            guided(latents, torch.tensor(999), Moment(0, 2, 999.0))
            nursing.at(1, 2, 499.0)  # a memory takes in what it has seen
            return time.process_time() - began

    return call


def table(adapter: Any, spec: Mapping[str, Any], changes: Mapping[str, Change], rounds: int) -> None:
    """Print what the changes of a spec cost."""
    steps = {name: step_of(adapter, {**spec, **change}) for name, change in changes.items()}
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            taken[name].append(step())
    seconds = {name: statistics.median(each[1:]) for name, each in taken.items()}
    print("| method | seconds | relative |\n|---|---:|---:|")
    for name, took in seconds.items():
        print(f"| {name} | {took:.3f} | {took / seconds['plain']:.2f} |", flush=True)


@torch.inference_mode()
def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--frames", type=int, default=64)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    told_of = f"both branches of guidance, one thread; medians of {arguments.rounds - 1} steps, seconds of the processor"

    story: dict[str, Any] = {"prompt": "a landscape from winter to autumn", "frames": arguments.frames, "regularizers": []}
    adapter: Any = make_plan(load_spec(story)).source.load("cpu", "float32")
    print(f"miniworld, {arguments.frames} frames, latents of 8 x 8, {told_of}\n")
    table(adapter, story, FACTORISED, arguments.rounds)

    with tempfile.TemporaryDirectory() as folder:
        write_joint(Path(folder), transformer=NETWORK)
        states = {"use": "states", "states": STATES}
        clip: dict[str, Any] = {"model": {"use": "wan", "path": folder}, "frames": 49, "size": [192, 128], "regularizers": []}
        adapter = make_plan(load_spec({**clip, "prompt": "a year", "synopsis": states})).source.load("cpu", "float32")
        print(f"\nA network of Wan's kind with {NETWORK['num_layers']} blocks, 13 latent frames of 12 x 8 positions, {told_of}\n")
        table(adapter, {**clip, "prompt": "a year", "synopsis": states}, JOINT, arguments.rounds)


if __name__ == "__main__":
    main()
