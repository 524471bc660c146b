"""A city skyline by day, at dusk and in the lit night."""

from typing import NamedTuple

import numpy as np

from vstar_sdk.miniworld.world.canvas import Array, Canvas, Shape, blend, box, colour, ellipse, per_frame, smooth
from vstar_sdk.miniworld.world.scene import PERIOD, Scene, clouds, on_screen

_AT = (0.0, 0.5, 1.0)
_WALLS = ("c8ccd4", "b88f7c", "8fa4b8", "d8c4a0", "a0b4a8")
_ROW, _COLUMN = 9.0, 8.0


class _Building(NamedTuple):
    """A building of the panorama, in pixels; ``lamps`` holds the stage from which each window is lit, ``(rows, columns)``."""

    x: float
    width: float
    height: float
    tint: str
    lamps: Array


class City(Scene):
    """A row of large buildings with large windows along a street."""

    family = "city"

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        rng = self.rng
        self.street = rng.uniform(52, 56)
        self.buildings: list[_Building] = []
        x = first = rng.uniform(0, PERIOD)
        while x < first + PERIOD - 16:
            columns = int(rng.integers(2, 4))
            rows = int(rng.integers(2, 5))
            tint = _WALLS[int(rng.integers(len(_WALLS)))]
            lamps = np.where(rng.random((rows, columns)) < 0.75, rng.uniform(0.3, 0.75, (rows, columns)), 2.0)
            self.buildings.append(_Building(x, columns * _COLUMN + 2, rows * _ROW + 3, tint, lamps.astype(np.float32)))
            x += columns * _COLUMN + 2 + float(rng.choice([0, 1, 5]))
        self.back = [(i * 20 + rng.uniform(0, 6), rng.uniform(12, 16), rng.uniform(22, 38)) for i in range(9)]
        self.mirrored = bool(rng.integers(2))

    def paint(self, canvas: Canvas, stages: Array, clock: Array, pan: Array) -> None:
        """Sky, far houses, buildings with windows, street, car."""
        s = np.clip(stages, 0, 1)
        canvas.gradient(blend(s, _AT, ("2f8cf0", "4a3a86", "050824")), blend(s, _AT, ("cbe8fb", "ff8e58", "202a5c")), self.street)
        self._lights(canvas, s)
        clouds(canvas, self, blend(s, _AT, ("ffffff", "f09a8a", "2a3058")), 0.8, clock, pan)
        behind = blend(s, _AT, ("a8c4dc", "8a5a84", "141a40"))
        for where, width, height in self.back:
            left = on_screen(where, pan * 0.4, 20)
            if left is not None:
                canvas.fill(box(left, self.street - height, left + width, self.street), behind)
        light = blend(s, _AT, ("ffffff", "b07c90", "30345a"))
        pane = blend(s, _AT, ("5f84a8", "4a3458", "161a38"))
        for where, width, height, tint, lamps in self.buildings:
            left = on_screen(where, pan, 30)
            if left is None:
                continue
            top = self.street - height
            canvas.fill(box(left, top, left + width, self.street), colour(tint) * light)
            canvas.fill(_windows(left, top, width, height, np.ones_like(lamps)[None]), pane)
            lit = smooth(0.0, 0.12, s[:, None, None] - lamps[None])
            canvas.fill(_windows(left, top, width, height, lit), colour("ffd85a"))
        road = blend(s, _AT, ("7a7e86", "4a4058", "14162c"))
        canvas.fill(box(0, self.street, 64, 64), road)
        self._car(canvas, s, clock, pan)

    def _lights(self, canvas: Canvas, s: Array) -> None:
        x = 14 + 36 * s
        x = 64 - x if self.mirrored else x
        down = 8 + 60 * s * s
        sun = blend(s, _AT, ("fffbe0", "ffb050", "ff8040"))
        canvas.glow(x, down, 12, sun, 0.5 * (1 - smooth(0.5, 0.7, s)))
        canvas.fill(ellipse(x, down, 5.5, 5.5), sun, 1 - smooth(0.55, 0.7, s))
        moon = smooth(0.65, 0.85, s)
        x = 64 - x
        canvas.glow(x + 16, 10, 10, colour("8fa6e8"), 0.3 * moon)
        canvas.fill(ellipse(x + 16, 10, 5, 5), colour("f6f4e4"), moon)

    def _car(self, canvas: Canvas, s: Array, clock: Array, pan: Array) -> None:
        x = (clock * 1.6 + self.seed % 90 - pan) % 96 - 16
        y = self.street + 5
        body = blend(s, _AT, ("e03a30", "9a2c40", "4a1c34"))
        canvas.fill(box(x - 7, y - 3, x + 7, y + 2), body)
        canvas.fill(box(x - 4, y - 6, x + 4, y - 2), body)
        canvas.fill(ellipse(x + 9, y, 3.5, 2), colour("ffe890"), smooth(0.35, 0.6, s), 1.5)


def _windows(left: Array, top: float, width: float, height: float, lit: Array) -> Shape:
    """The windows of a building; ``lit`` is ``(F or 1, rows, columns)``, 1 where a window shows."""
    x0 = per_frame(left)
    rows, columns = lit.shape[1:]

    def distance(u: Array, v: Array) -> Array:
        a, b = u - x0 - 1, v - top - 2
        column, row = np.floor(a / _COLUMN), np.floor(b / _ROW)
        inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        dx = np.abs(a - (column + 0.5) * _COLUMN) - 2.7
        dy = np.abs(b - (row + 0.5) * _ROW) - 3.0
        j = np.clip(column, 0, columns - 1).astype(int)
        i = np.clip(row, 0, rows - 1).astype(int)
        frame = np.arange(len(lit)).reshape(-1, 1, 1)
        shown = lit[frame, i, j]
        return np.where(inside, np.maximum(np.maximum(dx, dy), 0.5 - shown), 9).astype(np.float32)

    return Shape(distance, float(left.min()), float(left.max()) + width, top, top + height)
