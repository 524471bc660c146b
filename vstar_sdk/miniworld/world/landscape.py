"""Hills with trees, pines, houses and a lake through the four seasons; the year repeats."""

import numpy as np

from vstar_sdk.miniworld.world.canvas import Array, Canvas, Value, below, blend, box, colour, ellipse, polygon
from vstar_sdk.miniworld.world.scene import PERIOD, Scene, clouds, on_screen, waves

_AT = (0.0, 0.25, 0.5, 0.75, 1.0)
_LEAVES_AT = (0.0, 0.12, 0.25, 0.38, 0.5, 0.63, 0.75, 0.88, 1.0)
_ROOFS = ("c8402f", "3d6fb5", "8a4fa8", "d9772e")


def _year(stages: Array, winter: str, spring: str, summer: str, autumn: str) -> Array:
    return blend(stages, _AT, (winter, spring, summer, autumn, winter))


class Landscape(Scene):
    """A panorama of hills: three layers that a moving camera shifts at different speeds."""

    family = "landscape"

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        rng = self.rng
        self.horizon = rng.uniform(36, 44)
        self.far = waves(rng, self.horizon - rng.uniform(5, 9), rng.uniform(5, 10))
        self.middle = waves(rng, self.horizon, rng.uniform(2, 5))
        self.near = waves(rng, self.horizon + rng.uniform(6, 9), rng.uniform(1, 3))
        self.sun = (rng.uniform(8, 56), rng.uniform(8, 16), rng.uniform(4.5, 6.5))
        kinds = rng.choice(["tree", "pine", "house", "lake"], 7, p=list(rng.choice(_MIXES)))
        step, first = PERIOD / len(kinds), rng.uniform(0, PERIOD)
        self.things = [
            (first + i * step + rng.uniform(-5, 5), str(kind), rng.uniform(0.95, 1.35), rng.uniform(-1, 8), int(rng.integers(4)))
            for i, kind in enumerate(kinds)
        ]
        self.things.sort(key=lambda thing: (thing[1] != "lake", thing[3]))
        self.sway = rng.uniform(0, 6)

    def paint(self, canvas: Canvas, stages: Array, clock: Array, pan: Array) -> None:
        """Sky, far and near hills, then what stands on them, back to front."""
        s = stages % 1.0
        sky = _year(s, "7f97b8", "62b4f2", "1f7fe6", "cf8748")
        canvas.gradient(sky, _year(s, "dde6ef", "d8f0fb", "b5e0fb", "fbdf9f"), self.horizon)
        x, y, radius = self.sun
        light = _year(s, "fffdf2", "fff6c8", "fff3a0", "ffe08a")
        canvas.glow(x, y, radius * 2.4, light, 0.45)
        canvas.fill(ellipse(x, y, radius, radius), light, 0.9)
        clouds(canvas, self, _year(s, "eef2f7", "ffffff", "ffffff", "fff0d8"), 0.85, clock, pan)
        far = _year(s, "c5d3e4", "8fbfd0", "5f9fc4", "b07f63")
        canvas.fill(below(lambda u: self.far(u + 0.3 * pan.reshape(-1, 1, 1))), far)
        hills = _year(s, "e6edf6", "a6dc78", "4fae45", "d29a45")
        canvas.fill(below(lambda u: self.middle(u + 0.6 * pan.reshape(-1, 1, 1))), hills)
        ground = _year(s, "fbfdff", "7fd052", "2f8f33", "c07a2a")
        deep = _year(s, "dbe6f2", "58b43c", "1f6f2a", "94541f")
        canvas.fill(below(lambda u: self.near(u + pan.reshape(-1, 1, 1))), ground, to=deep)
        for where, kind, scale, depth, roof in self.things:
            left = on_screen(where, pan, 22)
            if left is None:
                continue
            base = float(self.near(np.array([where], np.float32))[0]) + 3 + depth
            if kind == "tree":
                self._tree(canvas, s, clock, left, base, scale)
            elif kind == "pine":
                _pine(canvas, s, left, base, scale)
            elif kind == "house":
                _house(canvas, s, left, base, scale, _ROOFS[roof])
            else:
                _lake(canvas, s, left, base, scale)

    def _tree(self, canvas: Canvas, s: Array, clock: Array, x: Array, base: float, scale: float) -> None:
        size = np.interp(s, _AT, (0.85, 0.95, 1.08, 1.0, 0.85)) * scale * 9.5
        sway = x + 0.6 * np.sin(clock * 0.35 + self.sway)
        top = base - 7 * scale - size * 0.8
        trunk = 1.9 * scale
        canvas.fill(box(x - trunk, top, x + trunk, base), _year(s, "5a4a48", "6b4a33", "5c3c26", "5a3620"))
        leaf = blend(s, _LEAVES_AT, ("a9bfdb", "d7b4cc", "f084bc", "7cb84e", "1d7a2e", "9a9a28", "e0561c", "b8785c", "a9bfdb"))
        lit = blend(s, _LEAVES_AT, ("eaf1fa", "f4d8e6", "ffc0dd", "b4e070", "4fae45", "d8c840", "ffa43a", "d8b8a4", "eaf1fa"))
        canvas.fill(ellipse(sway, top, size, size * 0.92), leaf)
        canvas.fill(ellipse(sway - size * 0.28, top - size * 0.28, size * 0.55, size * 0.5), lit, 0.9, 2.0)


def _pine(canvas: Canvas, s: Array, x: Array, base: float, scale: float) -> None:
    canvas.fill(box(x - 1.6 * scale, base - 5 * scale, x + 1.6 * scale, base), colour("4f3524"))
    dark = _year(s, "3f6b70", "2f8a58", "17603a", "4f6a2c")
    snow = _year(s, "f4f8fd", "57b06a", "2f8048", "7d8a3a")
    wide, high = 8.5 * scale, 14 * scale
    for level in range(2):
        foot = base - 3 * scale - level * 8 * scale
        half = wide * (1 - 0.22 * level)
        canvas.fill(polygon((x, foot - high), (x + half, foot), (x - half, foot)), dark)
        canvas.fill(polygon((x, foot - high), (x + half * 0.55, foot - high * 0.45), (x - half * 0.55, foot - high * 0.45)), snow)


def _house(canvas: Canvas, s: Array, x: Array, base: float, scale: float, roof: str) -> None:
    half, wall = 8.5 * scale, 9 * scale
    canvas.fill(box(x - half, base - wall, x + half, base), _year(s, "d9d5d8", "f6e7c8", "fbeccb", "eccf9c"))
    canvas.fill(box(x - 2.6 * scale, base - 6 * scale, x + 2.6 * scale, base), colour("6a4630"))
    covered: Value = np.interp(s, (0, 0.13, 0.87, 1), (1, 0, 0, 1)).astype(np.float32)
    top, eave = base - wall - 8.5 * scale, base - wall + 0.5
    shape = polygon((x, top), (x + half * 1.25, eave), (x - half * 1.25, eave))
    canvas.fill(shape, colour(roof))
    canvas.fill(shape, colour("f7faff"), covered)


def _lake(canvas: Canvas, s: Array, x: Array, base: float, scale: float) -> None:
    canvas.fill(ellipse(x, base + 3, 17 * scale, 5 * scale), _year(s, "b4d4ea", "5bbcec", "2690e6", "7f9fb5"))
    canvas.fill(ellipse(x - 4, base + 2, 8 * scale, 1.7 * scale), _year(s, "e4f2fa", "a8e0fa", "7cc6fb", "f3cf98"), 0.8, 1.5)


_MIXES = ((0.5, 0.2, 0.2, 0.1), (0.15, 0.6, 0.1, 0.15), (0.3, 0.2, 0.4, 0.1), (0.75, 0.1, 0.05, 0.1))
