"""``layout``: whether things stay where they are: hills, trees, houses, whatever light falls on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage

_SIDE = 64
"""Pixels of a side of the pictures whose edges are taken."""
_CELLS = 16
"""Cells of a side of the map of edges."""
_PARTS = 4
"""The clip is compared in quarters."""


class Layout:
    """How alike the edges are, half a clip apart: ``layout = (s(Q1, Q3) + s(Q2, Q4)) / 2``.

    ``Qk`` is the mean over the frames of the clip's ``k``-th quarter (``k = 1 + floor(4 t / F)``) of a map of edges: the frame's
    luma (ITU-R 601) at 64x64, its gradient ``g = gx + i gy`` by central differences, ``G = g^2 / |g|^1.5``, and of that the means
    of 16x16 cells. Squared, an edge counts the same from dark to light and from light to dark; the root of its size keeps strong
    edges from ruling. ``s(A, B) = Re sum(conj(A) B) / sqrt(sum |A|^2 sum |B|^2)``, 1 where both are flat, 0 where one is. The
    mean over a quarter blurs what moves: clouds, waves, smoke.

    1 for a clip whose edges stay where they are, whatever light and colour do; 0 for edges that have nothing in common, and below
    0 at right angles. A layout that drifts lowers it, as in clips that are made window by window. So does a story in which the
    thing itself changes, or a camera that moves: compare clips of the same story with each other. It needs 4 frames, and holds
    four maps.
    """

    numbers = ("layout",)

    _frames: int
    _quarters: NDArray[np.complex128]

    def __init__(self, options: Options) -> None:
        self._added = 0

    def begin(self, clip: Footage) -> None:
        """Begin a clip.

        Raises:
            SpecError: it has fewer than 4 frames.
        """
        import numpy as np

        from vstar_sdk.metrics.pixels import at_least

        at_least(_PARTS, clip, "a drift of the layout")
        self._frames, self._added = clip.frames, 0
        self._quarters = np.zeros((_PARTS, _CELLS, _CELLS), complex)

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Add a frame's edges to its quarter: to the sum, of which ``s`` is the same as of the mean."""
        self._quarters[_PARTS * self._added // self._frames] += edges(frame)
        self._added += 1

    def result(self) -> Mapping[str, float]:
        """The likeness."""
        first, second, third, fourth = self._quarters
        return {"layout": (likeness(first, third) + likeness(second, fourth)) / 2}


def edges(frame: NDArray[np.uint8]) -> NDArray[np.complex128]:
    """The map of edges ``G`` of a frame ``(height, width, 3)``: ``(16, 16)``, complex. See `Layout`."""
    import numpy as np
    from PIL import Image

    luma = Image.fromarray(frame).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    down, right = np.gradient(np.asarray(luma, float))
    gradient = right + 1j * down
    size = np.abs(gradient)
    doubled = np.divide(gradient**2, size**1.5, out=np.zeros_like(gradient), where=size > 0)
    cell = _SIDE // _CELLS
    return doubled.reshape(_CELLS, cell, _CELLS, cell).mean(axis=(1, 3))


def likeness(one: NDArray[np.complex128], other: NDArray[np.complex128]) -> float:
    """``s`` of two maps, -1 to 1; see `Layout`."""
    import numpy as np

    sizes = [float((np.abs(part) ** 2).sum()) for part in (one, other)]
    if not all(sizes):
        return float(sizes[0] == sizes[1])
    return float((np.conj(one) * other).sum().real / np.sqrt(sizes[0] * sizes[1]))


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``layout``."""
    register("layout", options=Options, factory=Layout, summary="Whether edges stay where they are, half a clip apart: 1 if so.")
