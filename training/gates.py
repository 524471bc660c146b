"""Whether the joint sibling is what it is for: ``python -m training.gates DIR``, with a folder made by ``training.export_dit``.

Gates, before any number of it is published: told by one prompt, 16 frames are in order (at least .9) in 9 of 10 clips; 64 frames
are not (below .3 on average), because the story starts again after one period of the rotary positions: repetition above .8 near
29 frames. Clips with a synopsis are measured too, for comparison, and nothing is asked of them.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstar_sdk import Session, hookimpl
from vstar_sdk.metrics.layout import Layout
from vstar_sdk.metrics.measured import measured
from vstar_sdk.metrics.repetition import Repetition
from vstar_sdk.miniworld.grammar import Family, change_captions, families
from vstar_sdk.miniworld.joint.source import MiniworldDitOptions, MiniworldDitSource
from vstar_sdk.miniworld.judge import judge
from vstar_sdk.miniworld.parts import WEIGHTS, MiniworldWriter, MiniworldWriterOptions
from vstar_sdk.miniworld.reader import read
from vstar_sdk.miniworld.telling import story_numbers
from vstar_sdk.options import Options
from vstar_sdk.parts import Register

PERIOD = 29.2
"""Frames of the second period of time in its rotary positions; the first has 6.3."""

NEAR = 3.0
"""How many frames from it the repetition may be."""


class Trial:
    """A plugin whose model ``trial/dit`` is the one of a folder."""

    vstar_plugin_name = "trial"

    def __init__(self, directory: Path, base: Path = WEIGHTS) -> None:
        self._directory, self._base = directory, base

    @hookimpl
    def register_models(self, register: Register) -> None:
        """Offer the model."""

        def source(options: MiniworldDitOptions) -> MiniworldDitSource:
            return MiniworldDitSource(directory=self._directory, base=self._base, options=options)

        register("dit", options=MiniworldDitOptions, factory=source, summary="A joint sibling in a folder.")

    @hookimpl
    def register_synopses(self, register: Register) -> None:
        """Offer its writer."""
        register("dit", options=MiniworldWriterOptions, factory=MiniworldWriter, summary="The embedded model's writer.")


@dataclass(frozen=True)
class Clip:
    """One clip and its numbers."""

    family: str
    seed: int
    frames: int
    told: str
    """``none``: by one prompt; ``trial/dit``: by the states that the writer made of it."""
    error: float
    order: float
    scene: float
    repetition: float
    lag: int
    layout: float


def prompt_of(family: Family, seed: int) -> str:
    """The caption of the family's usual change, in a colour that goes with the seed."""
    usual = family.arcs[0]
    colour = family.colours[seed % len(family.colours)] if family.colours else ""
    return change_captions(family, family.key(usual.start), family.key(usual.end), colour)[0]


def repetition(frames: NDArray[np.uint8]) -> tuple[float, int]:
    """How far a clip comes back to what it showed, and after how many frames; 0 and 0 where it is too short to tell."""
    if len(frames) < 17:
        return 0.0, 0
    numbers = measured(Repetition(Options()), frames)
    return numbers["repetition"], round(numbers["repetition_at"])


def make(session: Session, plugin: Trial, family: Family, seed: int, frames: int, told: str, **changes: Any) -> Clip:
    """Make a clip and measure it."""
    prompt = prompt_of(family, seed)
    spec: dict[str, Any] = {
        "prompt": prompt,
        "seed": seed,
        "frames": frames,
        "model": {"use": "trial/dit", "device": "cpu"},
        "synopsis": {"use": told},
        "regularizers": [],
        "output": [],
    }
    made = np.stack(list(session.run(spec | changes, plugins=[plugin]).frames()))
    numbers = story_numbers(judge().read(made), read(prompt))
    again, lag = repetition(made)
    found = {name: round(numbers[name], 4) for name in ("error", "order", "scene")}
    return Clip(
        family.name,
        seed,
        frames,
        told,
        **found,
        repetition=round(again, 4),
        lag=lag,
        layout=round(measured(Layout(Options()), made)["layout"], 4),
    )


def gates(clips: Sequence[Clip]) -> list[tuple[str, str, bool]]:
    """What is asked, what was found, and whether it is so."""
    short = [clip.order for clip in clips if clip.told == "none" and clip.frames == 16]
    long = [clip for clip in clips if clip.told == "none" and clip.frames == 64]
    good, order = sum(value >= 0.9 for value in short), float(np.mean([clip.order for clip in long]))
    again, lag = float(np.mean([clip.repetition for clip in long])), float(np.median([clip.lag for clip in long]))
    return [
        ("16 frames, one prompt: order >= .9 in 90 %", f"{good} of {len(short)}", good >= 0.9 * len(short)),
        ("64 frames, one prompt: order < .3", f"{order:.2f}", order < 0.3),
        (f"64 frames, one prompt: repetition > .8 near {PERIOD:.0f}", f"{again:.2f} at {lag:.0f}", again > 0.8 and near(lag)),
    ]


def near(lag: float) -> bool:
    """Whether a lag is near the period."""
    return abs(lag - PERIOD) <= NEAR


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="an export")
    parser.add_argument("--seeds", type=int, default=3, help="of every family")
    parser.add_argument("--families", type=int, default=len(families()), help="how many")
    parser.add_argument("--out", type=Path, help="a JSON file for every clip's numbers")
    args = parser.parse_args()
    plugin, clips = Trial(args.folder), list[Clip]()
    print("| | error | order | scene | repetition | at | layout |\n|---|---:|---:|---:|---:|---:|---:|")
    with Session() as session:
        for frames in (16, 64):
            for told in ("none", "trial/dit"):
                some = [
                    make(session, plugin, family, seed, frames, told)
                    for family in list(families().values())[: args.families]
                    for seed in range(args.seeds)
                ]
                clips += some
                names = ("error", "order", "scene", "repetition", "lag", "layout")
                means = " | ".join(f"{np.mean([getattr(clip, name) for clip in some]):.3g}" for name in names)
                print(f"| {frames}, {'one prompt' if told == 'none' else 'synopsis'} | {means} |", flush=True)
    if args.out:
        args.out.write_text(json.dumps([asdict(clip) for clip in clips], indent=1) + "\n")
    print()
    for asked, found, held in gates(clips):
        print(f"{'holds' if held else 'FAILS'}: {asked}: {found}")


if __name__ == "__main__":
    main()
