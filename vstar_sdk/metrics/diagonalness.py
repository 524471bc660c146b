"""``diagonalness``: how much of the attention over frames stays near the frame itself. No torch until it sees a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from vstar_sdk.errors import SpecError
from vstar_sdk.options import Duration, Level, Options, Window, ordered
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from vstar_sdk.attention.moment import Moment
    from vstar_sdk.attention.sites import Site
    from vstar_sdk.footage import Footage


class DiagonalnessOptions(Options):
    """How much of the attention over frames stays near the frame itself; costs about another attention wherever it measures."""

    radius: Duration = 2
    """Which frames are near: frames (`2`), seconds (`"0.25s"`) or a share of the clip (`"12.5%"`)."""
    levels: list[Level] | None = Field(default=None, min_length=1)
    """Levels to measure at, 0 being the highest resolution; left out: all."""
    window: Window = (0.0, 1.0)
    """When, as fractions of the schedule."""

    @field_validator("window")
    @classmethod
    def _window_in_order(cls, window: tuple[float, float]) -> tuple[float, float]:
        return ordered(window)


class Diagonalness:
    """``diagonalness = (near - even) / (1 - even)``, the mean over all maps, of sites and steps.

    ``near`` is the mean over frames ``i`` of the sum of ``P_ij`` for ``|i - j| <= radius``, and ``even`` that of attention which
    regards no distance. 1 is attention to near frames alone, 0 even attention; below 0 it goes to far frames. Frames whose
    attention goes to text alone are left out. The transformer before the first block is no part of it, nor are sites at which all
    frames are near.

    Args:
        options: the validated options.
    """

    numbers = ("diagonalness",)

    def __init__(self, options: DiagonalnessOptions) -> None:
        self._options = options
        self._sum, self._maps = 0.0, 0

    def watches(self, site: Site) -> tuple[float, float] | None:
        """See `vstar_sdk.MapMetric.watches`."""
        options = self._options
        chosen = site.block != "init" and (options.levels is None or site.level in options.levels)
        positions = site.clock.positions
        return options.window if chosen and positions[-1] - positions[0] > site.duration(options.radius) else None

    def begin(self, clip: Footage) -> None:
        """Begin a clip."""
        self._sum, self._maps = 0.0, 0

    def observe(self, site: Site, moment: Moment, attention: Tensor) -> None:
        """Add a map."""
        number = diagonalness(attention, site.clock.positions, site.duration(self._options.radius))
        if number is not None:
            self._sum += number
            self._maps += 1

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Frames say nothing of attention."""

    def result(self) -> Mapping[str, float]:
        """The mean.

        Raises:
            SpecError: it saw no map.
        """
        if not self._maps:
            raise SpecError("diagonalness saw no attention map", hint="widen its window, or name other levels")
        return {"diagonalness": self._sum / self._maps}


def diagonalness(attention: Tensor, positions: Sequence[float], radius: float) -> float | None:
    """The number of one map; see `Diagonalness`.

    Args:
        attention: ``(frames, frames)``.
        positions: where each frame is; see `vstar_sdk.Clock`.
        radius: in the units of the positions.

    Returns:
        At most 1; None where all frames are near, or attention goes to text alone.
    """
    import torch

    place = torch.tensor(positions, dtype=torch.float64)
    near = (place[:, None] - place).abs() <= radius
    rows = attention.double()
    seeing = rows.sum(dim=1) > 0.5
    even = float(near[seeing].double().mean()) if bool(seeing.any()) else 1.0
    return (float((rows * near)[seeing].sum(dim=1).mean()) - even) / (1.0 - even) if even < 1.0 else None


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``diagonalness``."""
    register(
        "diagonalness",
        options=DiagonalnessOptions,
        factory=Diagonalness,
        summary="How much of the attention over frames stays near the frame itself, 0 to 1.",
    )
