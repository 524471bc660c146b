"""Which colour a subject shows: told by the renders of the world whose colours are most alike."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.world import scene

BINS = 6


def histogram(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How often each of ``BINS ** 3`` colours occurs in each frame, square roots: ``(F, H, W, 3)`` to ``(F, BINS ** 3)``."""
    cells = (frames.astype(int) * BINS) // 256
    flat = (cells @ np.array([BINS * BINS, BINS, 1])).reshape(len(frames), -1)
    return np.sqrt(np.stack([np.bincount(row, minlength=BINS**3) for row in flat]) / flat.shape[1]).astype(np.float32)


@cache
def _known(family: str, layouts: int = 400) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    parts, labels = [], []
    for seed in range(layouts):
        layout = scene(family, 10**6 + seed)
        parts.append(histogram(layout.render(rng.uniform(0, 1, 4), rng.uniform(0, 600, 4))))
        labels += [families()[family].colours.index(layout.colour)] * 4
    return np.concatenate(parts), np.array(labels)


def colour_shown(frames: NDArray[np.uint8], family: str) -> str:
    """The colour word that most of the frames' nearest renders have."""
    known, labels = _known(family)
    near = np.argsort(-(histogram(frames) @ known.T), 1)[:, :7]
    return families()[family].colours[int(np.bincount(labels[near].ravel()).argmax())]
