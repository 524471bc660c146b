"""A big hot-air balloon of a named colour: on a meadow, above hills, among clouds, among the stars."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vstar_sdk.miniworld.captions.balloon import COLOURS
from vstar_sdk.miniworld.world.canvas import (
    SIZE,
    Array,
    Canvas,
    Shape,
    Value,
    below,
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
_CLOTH = {
    "red": ("e01420", "ffc0a8", "8a0a18"),
    "orange": ("ff7a08", "ffe0a0", "a84404"),
    "yellow": ("ffcc00", "fffce0", "a87404"),
    "green": ("12a43c", "c8f47c", "0a5c28"),
    "blue": ("1c40d8", "b4e0ff", "e4f2ff"),
    "purple": ("8a22c8", "ecb4ff", "54127c"),
    "white": ("f8f8fc", "b4bcd4", "66708e"),
}
"""Cloth, stripes and outline of each colour."""
_PATTERNS = ("petals", "petals", "heart", "belt", "zigzag")
_SPAN = 112.0
"""Clouds, birds and stars that leave on one side come back on the other after this many pixels."""


class Balloon(Scene):
    """One balloon that the camera follows, while the world sinks away below it."""

    family = "balloon"

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.choose_colour(COLOURS)
        rng = self.rng
        self.x, self.radius = rng.uniform(28, 36), rng.uniform(14.5, 16.5)
        self.pattern = _PATTERNS[int(rng.integers(len(_PATTERNS)))]
        self.phase = rng.uniform(0, 2 * np.pi, 4)
        self.far, self.middle, self.near = waves(rng, 0, 4.5, 4), waves(rng, 0, 3, 3), waves(rng, 0, 1.2, 2)
        self.peaks = bool(rng.integers(2))
        side = float(rng.choice([-1, 1]))
        self.house, self.tree = 32 + side * rng.uniform(20, 25), 32 - side * rng.uniform(20, 26)
        self.second_tree = self.tree + side * rng.uniform(9, 12)
        self.roof = str(rng.choice(["d8402c", "8a4a9c", "3a6cc0"]))
        self.fence = bool(rng.integers(3))
        self.wind = float(rng.choice([-1, 1]))
        count = int(rng.integers(4, 7))
        self.puffs = [
            (
                (i + rng.uniform(0, 0.6)) * _SPAN / count,
                (8.0, 44.0, 24.0, 54.0, 14.0, 36.0)[i] + rng.uniform(-4, 4),
                rng.uniform(9, 15),
                rng.uniform(0.5, 1.0),
            )
            for i in range(count)
        ]
        self.fronts = [(rng.uniform(0, 20) + i * _SPAN / 2, rng.uniform(58, 63), rng.uniform(13, 17), 1.3) for i in range(2)]
        self.birds = [(rng.uniform(0, 30) + i * 14, rng.uniform(9, 16) + i * 7) for i in range(int(rng.integers(1, 3)))]
        self.stars = [
            (i * _SPAN / 12 + rng.uniform(0, 5), (i * 23 % 47) + rng.uniform(-1, 5), rng.uniform(3.8, 5.0)) for i in range(12)
        ]
        self.moon = str(rng.choice(["full", "crescent", "ring"]))
        self.moon_x, self.moon_y, self.moon_size = 32 + side * rng.uniform(20, 23), rng.uniform(11, 15), rng.uniform(7, 9)
        self.planet_x, self.planet_size = rng.uniform(22, 42), rng.uniform(52, 66)
        self.planet = (("2c7ae0", "4fc46a"), ("2a9ad8", "f0e0a0"), ("d8743c", "f0b070"))[int(rng.integers(3))]

    def paint(self, canvas: Canvas, stages: Array, clock: Array, pan: Array) -> None:
        """Sky, stars and moon, planet, clouds, hills and meadow, balloon, clouds before it."""
        del pan
        s = np.clip(stages, 0, 1)
        canvas.gradient(
            blend(s, _AT, ("7cc8ee", "1c84f4", "1c4cc0", "04061e")),
            blend(s, _AT, ("ffeaa8", "a8e4fc", "72a8f2", "20226a")),
            46,
        )
        self._space(canvas, s, clock)
        white, grey = blend(s, (0.5, 0.7, 0.95), ("ffffff", "ffffff", "8088c0")), blend(s, (0.6, 0.95), ("b4d0f0", "4a4f90"))
        for x, y, size, speed in self.puffs:
            self._cloud(canvas, x + self.wind * speed * clock, y + (s - 2 / 3) * 120, size, white, grey, 1 - smooth(0.8, 0.97, s))
        self._birds(canvas, s, clock)
        self._land(canvas, s)
        self._balloon(canvas, s, clock)
        shown = smooth(0.46, 0.62, s) * (1 - smooth(0.8, 0.97, s))
        for x, y, size, speed in self.fronts:
            self._cloud(canvas, x + self.wind * speed * clock, y + (s - 2 / 3) * 60, size, white, grey, shown)

    def _cloud(self, canvas: Canvas, x: Array, y: Array, size: float, white: Array, grey: Array, opacity: Array) -> None:
        left = x % _SPAN - (_SPAN - SIZE) / 2
        high = 0.9 * size + 4
        seen = (opacity > 0) & (y > -high) & (y < SIZE + high) & (left > -2 * size) & (left < SIZE + 2 * size)
        part, at = _while(canvas, seen)
        if part:
            left, y, opacity = left[at], y[at], opacity[at]
            part.fill(ellipse(left, y + 0.22 * size + 1.5, 1.25 * size, 0.4 * size), grey[at], opacity, 1.5)
            part.fill(_puffs(left - 0.5, y - 1, size * 0.93), white[at], opacity, 2.0)

    def _space(self, canvas: Canvas, s: Array, clock: Array) -> None:
        part, at = _while(canvas, s > 0.7)
        if not part:
            return
        canvas, s, clock = part, s[at], clock[at]
        shown = smooth(0.7, 0.92, s)
        up = (1 - s) * 70
        for i, (x, y, size) in enumerate(self.stars):
            left = (x + self.wind * 0.35 * clock) % _SPAN - (_SPAN - SIZE) / 2
            twinkle = size * (0.82 + 0.18 * np.sin(0.5 * clock + 2 * i))
            canvas.fill(_star(left, y - up, twinkle), colour(("fffbe0", "ffe890", "d0e4ff")[i % 3]), shown)
        x, y, size = self.moon_x, self.moon_y - up, self.moon_size
        canvas.fill(ellipse(x, y, size * 1.6, size * 1.6), colour("98a8f0"), 0.4 * shown, 11.0)
        tint = colour("f4b878" if self.moon == "ring" else "fff4c8")
        disc = _crescent(x, y, size) if self.moon == "crescent" else ellipse(x, y, size, size)
        canvas.fill(disc, tint, shown)
        if self.moon == "full":
            canvas.fill(ellipse(x - size * 0.3, y - size * 0.2, 2.6, 2.4), colour("dccb98"), shown)
            canvas.fill(ellipse(x + size * 0.3, y + size * 0.35, 2.0, 1.8), colour("dccb98"), shown)
        elif self.moon == "ring":
            canvas.fill(ellipse(x, y, size * 1.55, 2.2, -0.35), colour("ffe8c0"), shown)
        top, r = 56 + (1 - s) * 62, self.planet_size
        x = self.planet_x + 0 * s
        sea, land = (colour(code) for code in self.planet)
        canvas.fill(ellipse(x, top + r, r + 3.0, r + 3.0), colour("a8d8ff"), 0.55 * shown, 5.0)
        canvas.fill(ellipse(x, top + r, r, r), sea, shown)
        for where in (-22, 3, 26):
            canvas.fill(ellipse(x + where, top + 7 + where * where / r / 2, 9, 3.8, where / r), land, shown, 1.5)

    def _birds(self, canvas: Canvas, s: Array, clock: Array) -> None:
        part, at = _while(canvas, s < 0.6)
        if not part:
            return
        canvas, s, clock = part, s[at], clock[at]
        shown = 1 - smooth(0.42, 0.6, s)
        for i, (x, y) in enumerate(self.birds):
            left = (x - self.wind * 1.2 * clock) % 84 - 10
            flap, down = 3.2 * np.sin(0.8 * clock + 2 * i), y + 30 * s
            for wing in (-1, 1):
                tip = left + wing * 5.5
                inner, outer = (left, down), (tip, down - flap)
                first, second = (inner, outer) if wing > 0 else (outer, inner)
                under = ((second[0], second[1] + 2.2), (first[0], first[1] + 2.2))
                canvas.fill(polygon(first, second, *under), colour("2c3450"), shown)

    def _ridge(self, u: Array) -> Array:
        return self.far(u * 1.3) if self.peaks else self.far(u)

    def _land(self, canvas: Canvas, s: Array) -> None:
        part, at = _while(canvas, s < 0.6)
        if not part:
            return
        canvas, s = part, s[at]
        far, middle = np.interp(s, (0, 1 / 3, 0.6), (30, 46, 71)), np.interp(s, (0, 1 / 3, 0.56), (37, 54.5, 74))
        near = np.interp(s, (0, 1 / 3), (44.5, 74))
        canvas.fill(_land(self._ridge, far, 5), blend(s, (0, 1 / 3), ("74b8a0", "5fb48c")))
        canvas.fill(_land(self.middle, middle, 4), blend(s, (0, 1 / 3), ("58b048", "4cac50")))
        scale = 1 / (1 + 2.4 * s)
        for x, size in ((self.tree, 7.5), (self.second_tree, 5.5)):
            foot = middle + float(self.middle(np.array([x]))[0]) + 3 * scale
            r = size * scale
            canvas.fill(box(x - 1.6 * scale, foot - r * 1.2, x + 1.6 * scale, foot), colour("6a4424"))
            canvas.fill(ellipse(x, foot - r * 1.5, r * 0.9, r), colour("1c7434"))
            canvas.fill(ellipse(x - r * 0.25, foot - r * 1.75, r * 0.5, r * 0.5), colour("3ca04c"), 1.0, 2.0)
        x, foot = self.house, middle + float(self.middle(np.array([self.house]))[0]) + 3 * scale
        w, h = 5.5 * scale, 7 * scale
        canvas.fill(box(x - w, foot - h, x + w, foot), colour("fff2dc"))
        canvas.fill(polygon((x, foot - h - 6 * scale), (x + w * 1.35, foot - h), (x - w * 1.35, foot - h)), colour(self.roof))
        canvas.fill(box(x - 1.8 * scale, foot - 5 * scale, x + 1.8 * scale, foot), colour("7a4a2c"))
        canvas.fill(_land(self.near, near, 2), colour("7ccc3c"))
        if self.fence:
            for post in range(-1, 9):
                x = post * 8 + self.phase[3]
                canvas.fill(box(x - 1.4, near - 4.5, x + 1.4, near + 3.5), colour("fffaf0"))
            canvas.fill(box(-1, near - 2.2, 65, near), colour("fffaf0"))
        canvas.fill(_land(lambda u: 0 * u, near + 11.5, 0), colour("58ac30"), 1.0, 3.0)

    def _balloon(self, canvas: Canvas, s: Array, clock: Array) -> None:
        free = 0.08 + 0.92 * smooth(0.0, 0.2, s)
        bob = 1.8 * np.sin(0.33 * clock + self.phase[0]) * free
        lean = 1.3 * np.sin(0.26 * clock + self.phase[1])
        foot = self.x + 2.6 * np.sin(0.19 * clock + self.phase[2]) * free
        r = self.radius
        x, y = foot + lean, 57.5 - 2 * r - bob - 3.0 * smooth(0.0, 0.35, s) - 2.0 * smooth(0.6, 1.0, s)
        near = np.interp(s, (0, 1 / 3), (58.5, 88))
        canvas.fill(ellipse(foot, near, 8.5, 2.6), colour("2c6a1c"), 0.75, 2.0)
        cloth, stripe, line = (colour(code) for code in _CLOTH[self.colour])
        mouth, rim, base = y + 1.22 * r, y + 2 * r - 6.8, y + 2 * r
        for side in (-1, 1):
            for at, to in ((0.3, 4.4), (0.16, 2.6)):
                a, b = x + side * at * r, foot + side * to
                canvas.fill(
                    polygon((a - 0.6, mouth - 1), (a + 0.6, mouth - 1), (b + 0.6, rim + 1), (b - 0.6, rim + 1)), colour("4a3020")
                )
        canvas.fill(_envelope(x, y, r + 1.0), line)
        canvas.fill(_envelope(x, y, r), cloth)
        canvas.fill(_stripes(x, y, r, self.pattern, 0.22 * np.sin(0.12 * clock)), stripe)
        canvas.fill(_shade(x, y, r), colour("10083c"), 0.2, 2.5)
        canvas.fill(ellipse(x - 0.42 * r, y - 0.42 * r, 0.2 * r, 0.32 * r, 0.6), colour("ffffff"), 0.55, 2.0)
        beat = 0.5 + 0.5 * np.sin(0.9 * clock + self.phase[3])
        high = 4.2 + 2.4 * beat
        fire = rim - high * 0.85
        warm = 7 + 2.5 * beat
        canvas.fill(ellipse((x + foot) / 2, fire, warm, warm), colour("ffb848"), 0.35 + 0.2 * beat, 8.0)
        canvas.fill(ellipse((x + foot) / 2, fire, 2.9 + 0.5 * beat, high), colour("ff7a10"))
        canvas.fill(ellipse((x + foot) / 2, fire + 1, 1.7 + 0.4 * beat, high * 0.66), colour("fff07a"))
        canvas.fill(
            polygon((foot - 5.6, rim), (foot + 5.6, rim), (foot + 4.6, base), (foot - 4.6, base)),
            colour("9c6430"),
        )
        canvas.fill(box(foot - 6.2, rim - 0.6, foot + 6.2, rim + 1.8), colour("e8b870"))


def _while(canvas: Canvas, seen: NDArray[np.bool_]) -> tuple[Canvas | None, slice]:
    """The frames from the first to the last where something is seen: a canvas that shares their pixels, or None."""
    where = np.flatnonzero(seen)
    if not len(where):
        return None, slice(0)
    at = slice(int(where[0]), int(where[-1]) + 1)
    return canvas.part(at), at


def _land(line: Callable[[Array], Array], level: Array, margin: float) -> Shape:
    """Everything under a hill line about ``level``, in as small a box as will do."""
    at = per_frame(level)
    shape = below(lambda u: line(u) + at)
    return Shape(shape.distance, 0, SIZE, float(level.min()) - margin, SIZE)


def _puffs(x: Array, y: Array, size: float) -> Shape:
    """A heap of cloud with its foot at ``y + size / 2``."""
    parts = [
        ellipse(x + dx * size, y + dy * size, rx * size, ry * size)
        for dx, dy, rx, ry in ((0, 0.22, 1.25, 0.36), (-0.5, 0, 0.5, 0.42), (0.12, -0.2, 0.58, 0.56), (0.68, 0.06, 0.42, 0.36))
    ]

    def distance(u: Array, v: Array) -> Array:
        nearest = parts[0].distance(u, v)
        for part in parts[1:]:
            np.minimum(nearest, part.distance(u, v), out=nearest)
        return nearest

    return Shape(
        distance,
        min(p.left for p in parts),
        max(p.right for p in parts),
        min(p.top for p in parts),
        max(p.bottom for p in parts),
    )


def _star(x: Array, y: Array, size: Array) -> Shape:
    """A star with four points."""
    cx, cy, r = per_frame(x), per_frame(y), per_frame(size)

    def distance(u: Array, v: Array) -> Array:
        du, dv = np.abs(u - cx), np.abs(v - cy)
        return du + dv + 0.35 * np.sqrt(du * dv) - r

    high = float(size.max())
    return Shape(distance, float(x.min()) - high, float(x.max()) + high, float(y.min()) - high, float(y.max()) + high)


def _crescent(x: Value, y: Array, size: float) -> Shape:
    """A disc of which a second disc bites off a part."""
    disc, bite = ellipse(x, y, size, size), ellipse(np.asarray(x) + 0.55 * size, y - 0.25 * size, 0.82 * size, 0.82 * size)
    return Shape(lambda u, v: np.maximum(disc.distance(u, v), -bite.distance(u, v)), disc.left, disc.right, disc.top, disc.bottom)


def _half(v: Array, cy: Array, r: float) -> Array:
    """Half of the envelope's width at height ``v``: round above, narrowing straight to the mouth below."""
    t = (v - cy) / r
    return r * np.where(t < 0.5, np.sqrt(np.clip(1 - t * t, 0.0025, 1)), 0.866 - 0.72 * (t - 0.5))


def _envelope(x: Array, y: Array, r: float) -> Shape:
    """The outline of the envelope, with its round part about ``(x, y)``."""
    cx, cy = per_frame(x), per_frame(y)

    def distance(u: Array, v: Array) -> Array:
        du, dv = np.abs(u - cx), v - cy
        side = np.where(dv < 0.5 * r, np.hypot(du, dv) - r, (du - _half(v, cy, r)) * 0.8)
        return np.maximum(side, dv - 1.24 * r)

    return Shape(distance, float(x.min()) - r, float(x.max()) + r, float(y.min()) - r, float(y.max()) + 1.24 * r)


def _stripes(x: Array, y: Array, r: float, pattern: str, turn: Array) -> Shape:
    """The lighter parts of the envelope; ``turn`` turns it a little about its axis."""
    whole = _envelope(x, y, r)
    cx, cy, way = per_frame(x), per_frame(y), per_frame(turn)

    def distance(u: Array, v: Array) -> Array:
        wide = _half(v, cy, r)
        across = (u - cx) / wide
        if pattern in ("belt", "zigzag"):
            wave = 2.6 * np.abs((across * 2.2 + 8 + way) % 2 - 1) - 1.3 if pattern == "zigzag" else 1.5 * across * across - 0.6
            part = np.abs(v - cy - 0.08 * r + wave * 1.3) - 0.23 * r
        else:
            angle = np.arcsin(np.clip(across, -1, 1)) - way
            middle = 0.66 if pattern == "petals" else 0.0
            off = np.abs(angle) - middle if pattern == "petals" else angle
            part = (np.abs(off) - (0.27 if pattern == "petals" else 0.36)) * wide * 0.8
        return np.maximum(part, whole.distance(u, v))

    return Shape(distance, whole.left, whole.right, whole.top, whole.bottom)


def _shade(x: Array, y: Array, r: float) -> Shape:
    """The side of the envelope that lies in the shade."""
    whole, light = _envelope(x, y, r), ellipse(x - 0.4 * r, y - 0.1 * r, 1.15 * r, 1.5 * r)
    return Shape(
        lambda u, v: np.maximum(whole.distance(u, v), -light.distance(u, v)), whole.left, whole.right, whole.top, whole.bottom
    )
