"""Numbers of an attention map over frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vstar_sdk.attention.sites import Site
from vstar_sdk.metrics.diagonalness import DiagonalnessOptions, diagonalness

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True)
class Numbers:
    """What a map says; frames whose attention goes to text alone are left out of all of it.

    Attributes:
        diagonalness: as the metric ``diagonalness`` has it with its defaults; None where all frames are near.
        correlation: of the places of row and column, weighted by the map, -1 to 1: what the method calls diagonalness. None where
            it is not defined.
        entropy: of a row, on average, as a share of that of even attention: 0 one frame alone, 1 even.
        distances: between frames, ascending, in units of `vstar_sdk.Clock.positions`.
        mass: for each distance ``d`` the mean over rows ``i`` of the sum of ``P_ij`` with ``|p_i - p_j| = d``: in all 1.
        profile: for each distance the mean of ``P_ij`` over all pairs at it, times the frames: even attention is 1.
    """

    diagonalness: float | None
    correlation: float | None
    entropy: float
    distances: tuple[float, ...]
    mass: tuple[float, ...]
    profile: tuple[float, ...]

    def json(self) -> dict[str, Any]:
        """As JSON data; the lists are rounded to six places."""
        lists = {name: [round(value, 6) for value in getattr(self, name)] for name in ("distances", "mass", "profile")}
        return {"diagonalness": self.diagonalness, "correlation": self.correlation, "entropy": self.entropy, **lists}


def numbers_of(attention: Tensor, site: Site) -> Numbers:
    """The numbers of a map.

    Args:
        attention: ``(frames, frames)``; rows sum to 1, or are 0 where attention goes to text alone.
        site: where it was recorded.
    """
    place = np.array(site.clock.positions)
    rows: NDArray[np.float64] = attention.double().numpy()
    seeing = rows.sum(axis=1) > 0.5
    diagonal = diagonalness(attention, site.clock.positions, site.duration(DiagonalnessOptions().radius))
    rows, from_ = rows[seeing], place[seeing]
    if not len(rows):
        return Numbers(None, None, 0.0, (), (), ())
    logs = np.log(rows, out=np.zeros_like(rows), where=rows > 0)
    entropy = float(-(rows * logs).sum(axis=1).mean()) / math.log(len(place)) if len(place) > 1 else 0.0
    distances, where = np.unique((np.abs(from_[:, None] - place) * 1e6).round(), return_inverse=True)
    sums, pairs = np.bincount(where.ravel(), rows.ravel()), np.bincount(where.ravel())
    return Numbers(
        diagonal,
        _correlation(rows, from_, place),
        entropy,
        tuple(map(float, distances / 1e6)),
        tuple(map(float, sums / len(rows))),
        tuple(map(float, sums / pairs * len(place))),
    )


def _correlation(weights: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]) -> float | None:
    """Pearson's, of the places of row and column, every pair weighted."""
    total, from_, to = weights.sum(), weights.sum(axis=1), weights.sum(axis=0)
    row, column = rows - (from_ @ rows) / total, columns - (to @ columns) / total
    spread = float((from_ @ row**2) * (to @ column**2))
    return float(row @ weights @ column) / math.sqrt(spread) if spread > 1e-18 else None
