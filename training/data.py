"""Training data: clips of the world, drawn at random, with what their captions are made of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstar_sdk.miniworld.grammar import Family, families
from vstar_sdk.miniworld.world import scene

WEIGHTS = {"landscape": 0.2, "beach": 0.14, "city": 0.13, "train": 0.13}
"""How often a family is drawn; a family that is not named has the weight 0.1."""

NATIVE = 16
"""Frames of the longest clip whose change one caption tells."""

TOLD = 0.22
"""How many clips show a change that one caption can tell."""


@dataclass(frozen=True)
class Frames:
    """Single pictures of the world, uint8 ``(N, 64, 64, 3)``, with what they show."""

    pictures: NDArray[np.uint8]
    family: NDArray[np.int64]
    """Places of the families in the order of `families`, ``(N,)``."""
    stage: NDArray[np.float32]
    """Stages, ``(N,)``."""


@dataclass(frozen=True)
class Clip:
    """A clip to render: the layout, and stage, clock and camera position of every frame, each ``(F,)``."""

    family: str
    seed: int
    colour: str
    camera: str
    stages: NDArray[np.floating[Any]]
    clock: NDArray[np.floating[Any]]
    pan: NDArray[np.floating[Any]]
    change: tuple[str, str] | None
    """Names of the keys between which it changes, when one caption shall tell the whole."""

    def render(self) -> NDArray[np.uint8]:
        """Frames, shape ``(F, 64, 64, 3)``."""
        return scene(self.family, self.seed).render(self.stages, self.clock, self.pan)


def draw_family(rng: np.random.Generator) -> Family:
    """A family at random, by weight."""
    names = list(families())
    weights = np.array([WEIGHTS.get(name, 0.1) for name in names])
    return families()[names[int(rng.choice(len(names), p=weights / weights.sum()))]]


def draw_clip(rng: np.random.Generator, frames: int, family: Family | None = None, told: float = TOLD) -> Clip:
    """A clip at random, of any family without one.

    A share ``told`` shows a change between two keys that one caption can tell. Of the rest, 42 % nearly stand still, 35 % drift,
    and 23 % change by 0.3 to 1.
    """
    family = family or draw_family(rng)
    seed = int(rng.integers(1 << 30))
    stages, change = _course(family, rng, frames, told)
    pan = np.zeros(frames)
    camera = "still"
    if family.pans and rng.random() < 0.55:
        camera = ("left", "right")[int(rng.integers(2))]
        step = rng.uniform(1.0, 4.5) * (1 if camera == "right" else -1)
        pan = rng.uniform(0, 500) + step * np.arange(frames)
    elif family.pans:
        pan = np.full(frames, rng.uniform(0, 500))
    clock = rng.uniform(0, 600) + np.arange(frames)
    return Clip(family.name, seed, scene(family.name, seed).colour, camera, stages, clock, pan, change)


def _course(
    family: Family, rng: np.random.Generator, frames: int, told: float
) -> tuple[NDArray[np.float64], tuple[str, str] | None]:
    """Stages of a clip, and the change that one caption may tell (within `NATIVE` only, as for the models of the field)."""
    way = np.linspace(0, 1, frames)
    kind = rng.random()
    if kind < told and frames <= NATIVE:
        first, last = (family.keys[i] for i in rng.choice(len(family.keys), 2, replace=False))
        if not family.cyclic and first.at > last.at and rng.random() < 0.5:
            first, last = last, first
        start = first.at + rng.uniform(-0.04, 0.04)
        ahead = (last.at - first.at) % 1.0 if family.cyclic else last.at - first.at
        return start + way * (ahead + rng.uniform(-0.04, 0.04)), (first.name, last.name)
    if frames <= NATIVE and told != TOLD:
        kind = TOLD + (kind - told) / (1 - told) * (1 - TOLD)
    low, high = (0.3, 1.0) if kind < 0.4 else (0.05, 0.3) if kind < 0.67 else (0.0, 0.05)
    size = rng.uniform(low, high)
    if family.cyclic:
        sign = 1 if rng.random() < 0.85 else -1
        return rng.uniform(0, 1) + sign * size * way, None
    start = rng.uniform(0, 1 - size)
    stages = start + size * way
    if size < 0.05 and rng.random() < 0.3:
        stages = np.full(frames, family.keys[int(rng.integers(len(family.keys)))].at)
    return (stages if rng.random() < 0.7 else stages[::-1].copy()), None


def random_frames_of(family: Family, seed: int, count: int) -> tuple[NDArray[np.uint8], NDArray[np.floating[Any]]]:
    """Unrelated frames of one layout, ``(count, 64, 64, 3)``, and their stages, ``(count,)``."""
    rng = np.random.default_rng(seed)
    layout = scene(family.name, int(rng.integers(1 << 30)))
    pan = rng.uniform(0, 192, count) * family.pans
    stages = rng.uniform(0, 1, count)
    return layout.render(stages, rng.uniform(0, 600, count), pan), stages


def random_frames(seed: int, count: int) -> Frames:
    """Unrelated frames of one layout of any family."""
    family = draw_family(np.random.default_rng(seed))
    pictures, stages = random_frames_of(family, seed, count)
    return Frames(pictures, np.full(count, list(families()).index(family.name)), stages.astype(np.float32))


def stored_frames(path: Path, layouts: int, seed: int) -> Frames:
    """Eight frames of each of many layouts, rendered once and kept in ``path``."""
    if not path.exists():
        parts = [random_frames(seed * 1000003 + i, 8) for i in range(layouts)]
        new = path.with_suffix(".new.npz")
        pictures, family, stage = (np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS)
        np.savez(new, pictures=pictures, family=family, stage=stage)
        new.rename(path)
    with np.load(path) as kept:
        return Frames(*(kept[name] for name in _FIELDS))


_FIELDS = ("pictures", "family", "stage")
