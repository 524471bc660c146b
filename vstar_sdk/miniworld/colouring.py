"""Which colour a subject of the embedded world shows: told by the renders whose colours are most alike."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.world import scene

_BINS = 6
"""Cells of each channel."""
_LAYOUTS, _OF_EACH = 400, 4
"""Scenes that are drawn of a family, and frames of each."""
_UNSEEN = 10**6
"""Where the seeds of those scenes begin, away from those of the training."""
_NEAREST = 7
"""Renders that vote for a frame."""


def histogram(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How often each of 216 colours occurs in each frame, square roots: ``(F, H, W, 3)`` to ``(F, 216)``."""
    cells = (frames.astype(int) * _BINS) // 256
    flat = (cells @ np.array([_BINS * _BINS, _BINS, 1])).reshape(len(frames), -1)
    return np.sqrt(np.stack([np.bincount(row, minlength=_BINS**3) for row in flat]) / flat.shape[1]).astype(np.float32)


@cache
def _known(family: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Histograms of renders of a family, and the number of the colour of each."""
    rng = np.random.default_rng(0)
    parts: list[NDArray[np.float32]] = []
    labels: list[int] = []
    for seed in range(_LAYOUTS):
        layout = scene(family, _UNSEEN + seed)
        parts.append(histogram(layout.render(rng.uniform(0, 1, _OF_EACH), rng.uniform(0, 600, _OF_EACH))))
        labels += [families()[family].colours.index(layout.colour)] * _OF_EACH
    return np.concatenate(parts), np.array(labels)


def colour_shown(frames: NDArray[np.uint8], family: str) -> str:
    """The colour word that most of the frames' nearest renders have.

    Args:
        frames: ``(F, 64, 64, 3)``.
        family: one whose subject takes a colour.
    """
    known, labels = _known(family)
    near = np.argsort(-(histogram(frames) @ known.T), 1)[:, :_NEAREST]
    return families()[family].colours[int(np.bincount(labels[near].ravel()).argmax())]
