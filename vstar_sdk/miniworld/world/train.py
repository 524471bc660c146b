"""A steam train on its journey: the town, the fields, the mountains, the sea at sunset."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vstar_sdk.miniworld.captions.train import COLOURS
from vstar_sdk.miniworld.world.canvas import (
    SIZE,
    Array,
    Canvas,
    Shape,
    blend,
    box,
    colour,
    ellipse,
    per_frame,
    polygon,
    smooth,
)
from vstar_sdk.miniworld.world.scene import Scene, waves

_AT = (0.0, 1 / 3, 2 / 3, 1.0)
_PAINTS = {
    "red": ("e01f26", "8c1018"),
    "green": ("0c8c3c", "05562a"),
    "blue": ("1c4ce0", "0e2a8c"),
    "yellow": ("ffd80a", "c48a00"),
    "orange": ("ff7c0a", "b04a00"),
    "purple": ("8a26c4", "561080"),
}
"""Body and roof of a train."""

_DARK = "1d1a26"
_CREAM = "fff4cc"
_COUNT = 8
"""Cells of a row of things; then the row repeats."""


class Train(Scene):
    """A train in the lower middle of the picture, facing right; the country scrolls past it to the left."""

    family = "train"

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        rng = self.rng
        self.choose_colour(COLOURS)
        self.track = rng.uniform(53.5, 57.5)
        self.horizon = self.track - rng.uniform(22, 25)
        self.front = rng.uniform(54, 58)
        self.waggons = (22.5,) if rng.random() < 0.5 else (13.5, 13.5)
        self.speed = rng.uniform(2.5, 4.0)
        self.phase = rng.uniform(0, 6)
        self.offsets = rng.uniform(0, 400, 10)
        self.sun_x = rng.uniform(10, 54)
        self.hills = waves(rng, 0, 1.0)
        peaks = int(rng.integers(4, 6))
        self.far_width = peaks * rng.uniform(38, 46)
        ridge = (np.arange(peaks) + rng.uniform(0.3, 0.7, peaks)) / peaks
        gaps = np.arange(peaks) / peaks
        self.ridge_x = np.stack([gaps, ridge], 1).ravel() * self.far_width
        self.ridge_y = np.stack([rng.uniform(0.25, 0.42, peaks), rng.uniform(0.72, 1.0, peaks)], 1).ravel()
        self.high = rng.uniform(31, 36)
        self.cell = rng.uniform(19, 24)
        self.scales = rng.uniform(0.85, 1.15, (4, _COUNT)).astype(np.float32)
        self.ends = rng.uniform(0.26, 0.38, _COUNT)
        self.tints = rng.permutation(np.arange(_COUNT) % 2)
        self.jitter = rng.uniform(0.94, 1.06, (3, 3)).astype(np.float32)
        self.poles = rng.uniform(44, 60)
        self.lead = rng.uniform(150, 190)
        self.lighthouse = bool(rng.integers(2))

    def paint(self, canvas: Canvas, stages: Array, clock: Array, pan: Array) -> None:
        """Sky, far country, things at the track, the train with its steam, things in front of it."""
        del pan
        s = np.clip(stages, 0, 1)
        self._sky(canvas, s)
        self._mountains(canvas, s, clock)
        self._town(canvas, s, clock, back=True)
        self._land(canvas, s, clock)
        self._sea(canvas, s, clock)
        self._town(canvas, s, clock, back=False)
        self._trees(canvas, s, clock)
        self._pines(canvas, s, clock)
        self._ground(canvas, s, clock)
        self._steam(canvas, s, clock)
        self._train(canvas, clock)
        self._foreground(canvas, s, clock)

    def _tell(self, s: Array, *codes: str, jitter: int | None = None) -> Array:
        tint = blend(s, _AT, codes)
        return tint if jitter is None else np.clip(tint * self.jitter[jitter], 0, 1)

    def _sky(self, canvas: Canvas, s: Array) -> None:
        top = self._tell(s, "8fa9c4", "1f86f0", "5a50a8", "d8508c", jitter=0)
        canvas.gradient(top, self._tell(s, "dfe8ee", "c4eeff", "dcd0f4", "ffd878"), self.horizon + 2)
        y = np.interp(s, _AT, (-12, 10, 12, self.horizon - 4)).astype(np.float32)
        radius = np.interp(s, _AT, (4, 6, 5, 10)).astype(np.float32)
        sun = self._tell(s, "f4f6f8", "fff4a0", "f4ecff", "fff0a0")
        canvas.glow(self.sun_x, y, radius * 2.2, self._tell(s, "f4f6f8", "fff8c8", "e8e0ff", "ffb040"), 0.55)
        canvas.fill(ellipse(self.sun_x, y, radius, radius), sun)

    def _mountains(self, canvas: Canvas, s: Array, clock: Array) -> None:
        high = per_frame(self.high * np.interp(s, _AT, (-0.05, 0.26, 1.0, -0.05)))
        shift = per_frame(0.22 * self.speed * clock + self.offsets[0])
        base = self.horizon + 4
        peak, foot = base - float(high.max()), self.horizon + 12
        xs, ys, width = self.ridge_x, self.ridge_y, self.far_width
        sides = np.append(xs, width)
        middles = (sides[1:] + sides[:-1]) / 2
        flanks = np.where(np.arange(len(xs)) % 2 == 1, -1, 1) * (sides[1:] - sides[:-1]) / 2
        knots = np.stack([xs, middles], 1).ravel()
        flank = np.stack([np.zeros_like(xs), flanks], 1).ravel()

        def ridge(u: Array) -> Array:
            return np.interp((u + shift) % width, xs, ys, period=width).astype(np.float32)

        def rock(u: Array) -> Array:
            edge = 0.56 + 0.07 * np.sin((u + shift) * 2 * np.pi * 20 / width)
            return base - high * np.minimum(ridge(u), edge)

        def shade(u: Array, v: Array) -> Array:
            side = np.interp((u + shift) % width, knots, flank, period=width).astype(np.float32)
            return np.maximum(base - high * ridge(u) - v, side)

        canvas.fill(_below(lambda u: base - high * ridge(u), peak, foot), self._tell(s, "cfd8e2", "b4d8f0", "fbfcff", "ffd8c8"))
        canvas.fill(_below(rock, peak, foot), self._tell(s, "b8c4d0", "86b8dc", "6474a4", "c890a0"))
        shape = Shape(shade, 0, SIZE, peak, base + 2)
        canvas.fill(shape, self._tell(s, "8898a8", "5c94c4", "3a4478", "a87090"), 0.42, 1.5)

    def _land(self, canvas: Canvas, s: Array, clock: Array) -> None:
        high = per_frame(np.interp(s, _AT, (0.5, 5.5, 2.5, -4)))
        shift = per_frame(0.4 * self.speed * clock + self.offsets[1])
        land = self._tell(s, "b4aea6", "8ccf48", "3c5a58", "4a7a78", jitter=1)
        canvas.fill(
            _below(lambda u: self.horizon + 4 - high * (1 + 0.7 * self.hills(u + shift)), self.horizon - 6, self.track - 3), land
        )
        field = np.clip(1 - np.abs(s - 1 / 3) / 0.3, 0, 1)
        shift = per_frame(0.5 * self.speed * clock + self.offsets[2])
        top = self.horizon
        for code, at in (("ffdc3c", 0.0), ("3fa03a", 24.0)):

            def stripe(u: Array, v: Array, at: float = at) -> Array:
                w = (u + shift + at + 0.9 * (v - top)) % 48 - 24
                return np.maximum(np.abs(w) - 7.5, top - v)

            canvas.fill(Shape(stripe, 0, SIZE, top - 1, self.track - 4), colour(code), field, 1.5)

    def _town(self, canvas: Canvas, s: Array, clock: Array, back: bool) -> None:
        grown = np.clip((self.ends - s[:, None]) / 0.24, 0, 1)
        if back:
            size = 17.0
            near, index = self._cells(canvas, clock, 0.3, 3, size)
            top = self.horizon + 6 - (3 + 23 * self.scales[0][index]) * _look(grown, index)
            tower = Shape(lambda u, v: np.maximum(np.abs(near(u)) - 6.8, top - v), 0, SIZE, float(top.min()), self.horizon + 6)
            canvas.fill(tower, self._tell(s, "98a6b8", "a8c4dc", "a8c4dc", "a8c4dc", jitter=0))
            return
        base = self.track - 6
        near, index = self._cells(canvas, clock, 0.55, 4, self.cell)
        half = (self.cell * 0.42 * np.minimum(self.scales[1], 1.05))[index]
        tall = _look(grown, index)
        wall = base + 2 - (2 + 17.5 * self.scales[2][index]) * tall
        roof = 11.5 * tall
        gone = np.where(tall > 0.02, 0, 2).astype(np.float32)
        kind = self.tints[index]
        reach = float(np.min(wall - roof))
        for which, code, slate in ((0, "ecd9b4", "8a5a4c"), (1, "c8c4c0", "5c6474")):
            other = np.where(kind == which, 0, 9).astype(np.float32)
            body = Shape(lambda u, v, o=other: np.maximum(np.abs(near(u)) - half, wall - v) + o, 0, SIZE, reach, base)
            canvas.fill(body, colour(code))

            def gable(u: Array, v: Array, o: Array = other) -> Array:
                slope = roof / (half + 1.8)
                return np.maximum((wall - roof + np.abs(near(u)) * slope - v) / np.hypot(1, slope), v - wall) + o + gone

            canvas.fill(Shape(gable, 0, SIZE, reach, base), colour(slate))
        pane = wall + 4 * tall + 3
        window = Shape(
            lambda u, v: np.maximum(np.abs(near(u)) - 3.2 * tall, np.abs(v - pane) - 3.2 * tall) + 1 - tall, 0, SIZE, reach, base
        )
        canvas.fill(window, colour("4c5870"))

    def _trees(self, canvas: Canvas, s: Array, clock: Array) -> None:
        begin, end = 0.04 + (self.ends - 0.26), 0.36 + 0.6 * (self.ends - 0.26)
        grown = np.clip((s[:, None] - begin) / 0.2, 0, 1) * np.clip(1 - (s[:, None] - end) / 0.22, 0, 1)
        if grown.max() <= 0:
            return
        near, index = self._cells(canvas, clock, 0.62, 5, self.cell + 9)
        size = _look(grown, index) * self.scales[3][index]
        base = self.track - 5
        high = base - 19 * size
        radius = 9.5 * size + 0.01
        span = (0.0, SIZE, float(np.min(high - radius)), base)
        gone = np.where(size > 0.06, 0, 2).astype(np.float32)
        canvas.fill(Shape(lambda u, v: np.maximum(np.abs(near(u)) - 2 * size, high - v) + gone, *span), colour("6a4426"))
        for dx, dy, share, code in ((0, 0, 1.0, "1f8038"), (-0.25, -0.28, 0.58, "6cc850")):

            def crown(u: Array, v: Array, dx: float = dx, dy: float = dy, share: float = share) -> Array:
                return np.hypot(near(u) - dx * radius, v - high - dy * radius) - radius * share + gone

            canvas.fill(Shape(crown, *span), colour(code), 1.0, 1.0 if share == 1 else 2.0)

    def _pines(self, canvas: Canvas, s: Array, clock: Array) -> None:
        begin, end = 0.4 + (self.ends - 0.26), 0.7 + 0.6 * (self.ends - 0.26)
        grown = np.clip((s[:, None] - begin) / 0.18, 0, 1) * np.clip(1 - (s[:, None] - end) / 0.2, 0, 1)
        if grown.max() <= 0:
            return
        near, index = self._cells(canvas, clock, 0.62, 6, self.cell + 9)
        size = _look(grown, index) * self.scales[1][index]
        base = self.track - 5
        span = (0.0, SIZE, base - 31 * float(size.max()), base)
        gone = np.where(size > 0.04, 0, 2).astype(np.float32)
        for top, foot, half, code in ((31, 13, 7.5, "1c5048"), (22, 0, 10, "123c3a")):

            def cone(u: Array, v: Array, top: float = top, foot: float = foot, half: float = half) -> Array:
                slope = (top - foot) / half
                edge = (base - top * size + np.abs(near(u)) * slope - v) / np.hypot(1, slope)
                return np.maximum(edge, v - (base - foot * size)) + gone

            canvas.fill(Shape(cone, *span), colour(code))

    def _sea(self, canvas: Canvas, s: Array, clock: Array) -> None:
        level = per_frame(np.interp(s, (0.66, 1), (self.track - 3, self.horizon)))
        if s.max() <= 0.66:
            return
        for row, code in enumerate(("1fa8b4", "3cc8c4", "1896aa", "48d4c8")):
            shift = per_frame((0.25 + 0.12 * row) * self.speed * clock + self.offsets[row])

            def line(u: Array, row: int = row, shift: Array = shift) -> Array:
                return level + 5.2 * row + min(row, 1) * 1.5 * np.sin((u + shift) * 2 * np.pi / (19 + 4 * row))

            canvas.fill(_below(line, float(level.min()) + 5.2 * row - 2, self.track - 3), colour(code), smooth(0.66, 0.7, s))
        there = np.clip((s - 0.72) / 0.28, 0, 1)
        flat = level.ravel()
        canvas.fill(ellipse(self.sun_x, flat + 2.5, 10.5, 2.6), colour("ffe69a"), 0.8 * there, 2.0)
        x = (self.offsets[7] - 0.3 * self.speed * clock) % 100 - 18
        scale = 0.3 + 0.8 * there
        foot = flat + 6
        canvas.fill(polygon((x, foot - 15 * scale), (x + 8 * scale, foot - 2), (x, foot - 2)), colour("ffffff"), there)
        canvas.fill(polygon((x - 1, foot - 12 * scale), (x - 1, foot - 2), (x - 6 * scale, foot - 2)), colour("fff0d8"), there)
        hull = polygon((x - 8 * scale, foot - 2), (x + 9 * scale, foot - 2), (x + 6 * scale, foot + 3), (x - 5 * scale, foot + 3))
        canvas.fill(hull, colour("7a3a2c"), there)
        if self.lighthouse:
            x = (self.offsets[7] + 55 - 0.3 * self.speed * clock) % 100 - 18
            foot = flat + 5
            canvas.fill(ellipse(x, foot + 1, 11 * scale, 4 * scale), colour("6a5468"), there)
            tower = polygon((x - 2.6, foot - 18 * scale), (x + 2.6, foot - 18 * scale), (x + 4.2, foot), (x - 4.2, foot))
            canvas.fill(tower, colour("fff6ec"), there)
            canvas.fill(box(x - 3.8, foot - 12 * scale, x + 3.8, foot - 7 * scale), colour("c84848"), there)
            canvas.fill(box(x - 3.4, foot - 23 * scale, x + 3.4, foot - 18 * scale), colour("5a3848"), there)

    def _ground(self, canvas: Canvas, s: Array, clock: Array) -> None:
        track = self.track
        shift = per_frame(self.speed * clock + self.offsets[8])
        earth = self._tell(s, "96928e", "5cae3a", "566078", "f4d488", jitter=2)
        canvas.fill(_below(lambda u: track - 6.5 + 0.8 * np.sin((u + shift) * 2 * np.pi / 48), track - 8, SIZE), earth)
        near, index = self._cells(canvas, clock, 1.0, 8, self.poles)
        pole = Shape(lambda u, v: np.maximum(np.abs(near(u)) - 1.7, track - 37 - v), 0, SIZE, track - 38, track - 5)
        canvas.fill(pole, self._tell(s, "5a5660", "6a4a30", "3a3440", "7a4a3a"))
        arm = Shape(lambda u, v: np.maximum(np.abs(near(u)) - 6, np.abs(v - track + 34) - 1.4), 0, SIZE, track - 37, track - 31)
        canvas.fill(arm, self._tell(s, "5a5660", "6a4a30", "3a3440", "7a4a3a"))
        wide = 5 + 4 * self.scales[0][index]
        size = self.poles / 2

        def bump(u: Array, v: Array) -> Array:
            du = np.abs(near(u)) - size
            return (np.hypot(du / wide, (v - track + 6) / 6.5) - 1) * 6

        canvas.fill(Shape(bump, 0, SIZE, track - 13, track - 2), self._tell(s, "746c66", "2f8c38", "8a93a8", "d8b060"))
        canvas.fill(box(0, track - 1, SIZE, track + 4), self._tell(s, "7c7672", "9a8a5c", "464c60", "d8b878"))
        sleeper = Shape(
            lambda u, v: np.maximum(np.abs((u + shift) % 13 - 6.5) - 3.2, np.abs(v - track - 1.8) - 1.7),
            *(0, SIZE, track - 1, track + 4),
        )
        canvas.fill(sleeper, colour("5a3a28"))
        canvas.fill(box(0, track - 0.6, SIZE, track + 0.9), colour("3c3a46"))

    def _steam(self, canvas: Canvas, s: Array, clock: Array) -> None:
        count = 5
        x, y = self.front - 6, self.track - 20.5
        tint, shade = self._tell(s, "fbfcfd", "ffffff", "f8f4ff", "fff0e4"), self._tell(s, "b4c0cc", "a8d0ee", "a8a0d0", "f0a4a0")
        puffs: list[tuple[Array, Array, Array]] = []
        for puff in range(count):
            t = (puff / count + clock * self.speed / 58 + self.phase) % 1
            up = y - 17 * t**0.7 + 1.2 * np.sin(7 * t + 2 * puff)
            size = (3.4 * smooth(0, 0.05, t) + 3.4 * np.sqrt(t)) * (1 - smooth(0.55, 1.0, t)) - 0.8
            puffs.append((per_frame(x - 50 * t), per_frame(up), per_frame(size)))
        for grow, rgb in ((0.9, shade), (0.0, tint)):

            def cloud(u: Array, v: Array, grow: float = grow) -> Array:
                return np.minimum.reduce([np.hypot(u - left, v - up - grow) - size - grow for left, up, size in puffs])

            canvas.fill(Shape(cloud, 0, min(SIZE, x + 6), y - 26, y + 4), rgb, 0.95, 1.5)

    def _train(self, canvas: Canvas, clock: Array) -> None:
        body, roof = (colour(code) for code in _PAINTS[self.colour])
        dark, cream = colour(_DARK), colour(_CREAM)
        y, r = self.track, self.front
        rear = r - 24 - sum(self.waggons) - 1.5 * len(self.waggons)
        canvas.fill(ellipse((rear + r) / 2, y + 1, (r - rear) / 2 + 2, 3), dark, 0.3, 2.5)
        bob = y + 0.55 * np.sin(clock * 1.1 + self.phase)
        canvas.fill(box(rear + 1, bob - 6.5, r, bob - 2.8), dark)
        canvas.fill(polygon((r - 2, bob - 6.5), (r, bob - 6.5), (r + 5, y - 0.4), (r - 2, y - 0.4)), dark)
        canvas.fill(box(r - 9, bob - 20, r - 3.4, bob - 12), dark)
        canvas.fill(box(r - 10.2, bob - 21, r - 2.2, bob - 18.2), dark)
        canvas.fill(ellipse(r - 12.2, bob - 13, 3, 3), colour("f0b020"))
        canvas.fill(box(r - 16, bob - 14.6, r + 0.9, bob - 4.2), dark)
        canvas.fill(box(r - 16, bob - 13.6, r, bob - 5.2), body)
        canvas.fill(box(r - 4.6, bob - 13.6, r, bob - 5.2), roof)
        canvas.fill(box(r - 24.6, bob - 18, r - 13.4, bob - 4.2), dark)
        canvas.fill(box(r - 23.6, bob - 17, r - 14.4, bob - 5.2), body)
        canvas.fill(box(r - 21.6, bob - 15, r - 16, bob - 9.8), cream)
        canvas.fill(box(r - 25.6, bob - 19, r - 12.6, bob - 16.4), roof)
        canvas.fill(ellipse(r + 0.8, bob - 11.4, 2.4, 2.4), colour("ffe060"))
        right = r - 25.8
        wheels = [r - 19, r - 11, r - 3.6]
        for i, wide in enumerate(self.waggons):
            lift = y + 0.55 * np.sin(clock * 1.1 + self.phase + 1.7 * (i + 1))
            left = right - wide
            canvas.fill(box(left - 0.6, lift - 16, right + 0.6, lift - 4.2), dark)
            canvas.fill(box(left + 0.4, lift - 15, right - 0.4, lift - 5.2), body)
            canvas.fill(box(left - 0.8, lift - 17.4, right + 0.8, lift - 14.8), roof)
            panes = (0.27, 0.73) if wide > 16 else (0.5,)
            for share in panes:
                middle = left + wide * share
                canvas.fill(box(middle - 3.2, lift - 13.6, middle + 3.2, lift - 8.8), cream)
            wheels += [left + 3.8, right - 3.8] if wide > 16 else [(left + right) / 2]
            right = left - 1.5
        turn = clock * self.speed / 3.7
        for rgb, radius, orbit in ((dark, 3.75, 0.0), (colour("e8dcc0"), 1.5, 1.5)):
            across, down = per_frame(orbit * np.cos(turn)), per_frame(y - 3.3 + orbit * np.sin(turn))

            def disc(u: Array, v: Array, radius: float = radius, across: Array = across, down: Array = down) -> Array:
                aside = np.minimum.reduce([np.abs(u - x - across) for x in wheels])
                return np.hypot(aside, v - down) - radius

            canvas.fill(Shape(disc, rear - 2, r + 2, y - 8, y + 1), rgb)
        rod, along = y - 3.3 + 1.5 * np.sin(turn), 1.5 * np.cos(turn)
        canvas.fill(box(r - 19 + along, rod - 0.9, r - 3.6 + along, rod + 0.9), colour("d8d0c0"))

    def _foreground(self, canvas: Canvas, s: Array, clock: Array) -> None:
        tint = self._tell(s, "5c5a60", "1c6c2c", "343c54", "b88844")
        lit = self._tell(s, "86848a", "4cb040", "6a7490", "e8bc6c")
        for i, wide in enumerate((9.0, 12.0)):
            x = (self.offsets[5 + i] + i * self.lead / 2 - 1.15 * self.speed * clock) % self.lead - 30
            canvas.fill(ellipse(x, 64.5, wide, 7.5), tint)
            canvas.fill(ellipse(x - 2, 63.5, wide * 0.6, 4), lit, 0.8, 2.0)
        x = (self.offsets[9] - 1.15 * self.speed * clock) % (self.lead + 40) - 30
        canvas.fill(box(x - 2.6, 30, x + 2.6, 66), self._tell(s, "484650", "6a4426", "2c2a3c", "70402c"))
        canvas.fill(box(x - 6, 27, x + 6, 34), self._tell(s, "6a6874", "8a5c38", "44405c", "90583c"))

    def _cells(self, canvas: Canvas, clock: Array, share: float, offset: int, size: float) -> tuple["_Near", NDArray[np.intp]]:
        """A row of things that scrolls at a share of the train's speed: coordinates in its cells, and the cell of a column."""
        near = _Near(per_frame(share * self.speed * clock + self.offsets[offset]), size)
        return near, near.index(canvas.columns)


class _Near:
    """Maps screen columns to the distance from the middle of their cell."""

    def __init__(self, shift: Array, size: float) -> None:
        self.shift, self.size = shift, size

    def __call__(self, u: Array) -> Array:
        return (u + self.shift) % self.size - self.size / 2

    def index(self, u: Array) -> NDArray[np.intp]:
        """Which cell each of the columns is in, ``(F or 1, 1, W)``."""
        return np.floor((u + self.shift) / self.size).astype(np.intp) % _COUNT


def _below(line: Callable[[Array], Array], top: float, bottom: float) -> Shape:
    """What is under a line, painted in a band of rows only."""
    return Shape(lambda u, v: np.asarray(line(u), np.float32) - v, 0, SIZE, max(top, 0.0), bottom)


def _look(table: Array, index: NDArray[np.intp]) -> Array:
    """Values ``(F, cells)`` of the cells of each column."""
    return table[np.arange(len(table))[:, None, None], index].astype(np.float32)
