"""Synthetic clips: a drifting gradient, whose frames all differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vstar_sdk import timeline
from vstar_sdk.output.contract import Clip, Exporter
from vstar_sdk.output.writing import Artifacts
from vstar_sdk.synopses import State, Synopsis

SPEC = "version: 1\nprompt: a café — at dawn\nframes: 8\n"

Frame = NDArray[np.uint8]


def _drift(clip: Clip) -> Iterator[Frame]:
    y, x = np.mgrid[0 : clip.height, 0 : clip.width]
    for n in range(clip.frames):
        drift = n / max(1, clip.frames - 1)
        channels = (60 + 120 * x / clip.width + 60 * drift, 40 + 160 * y / clip.height, 200 - 100 * drift + 0 * x)
        yield np.stack(channels, axis=-1).astype(np.uint8)


@pytest.fixture
def make_clip() -> Callable[..., Clip]:
    def make(
        frames: int = 8,
        width: int = 64,
        height: int = 64,
        fps: float = 8.0,
        captions: Sequence[str] = ("winter", "spring", "autumn"),
        prompt: str = "a café — at dawn",
    ) -> Clip:
        states = tuple(State(caption) for caption in captions[:frames])
        placed = timeline.build(states, frames, fps)
        return Clip(
            frames=frames,
            width=width,
            height=height,
            fps=fps,
            prompt=prompt,
            synopsis=Synopsis(states),
            timeline=placed,
            spec=SPEC,
        )

    return make


@pytest.fixture
def frames_of() -> Callable[[Clip], Iterator[Frame]]:
    """The frames of a clip."""
    return _drift


@pytest.fixture
def export(tmp_path: Path) -> Callable[[Exporter, Clip], list[Frame]]:
    """Export a clip into ``tmp_path``; returns the frames that were written."""

    def run(exporter: Exporter, clip: Clip) -> list[Frame]:
        frames = list(_drift(clip))
        with Artifacts(tmp_path, [("part", exporter)], clip) as artifacts:
            for frame in frames:
                artifacts.write(frame)
        return frames

    return run
