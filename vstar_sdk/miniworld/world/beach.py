"""A beach with palms, parasols and boats through the day; the day repeats."""

import numpy as np

from vstar_sdk.miniworld.world.canvas import Array, Canvas, below, blend, box, colour, ellipse, per_frame, polygon, smooth
from vstar_sdk.miniworld.world.scene import PERIOD, Scene, clouds, on_screen, waves

_AT = (0.0, 0.25, 0.5, 0.75, 1.0)
_CLOTHS = ("e0322f", "f0a020", "2f62d0", "f4f4f4")


def _day(stages: Array, dawn: str, noon: str, sunset: str, night: str) -> Array:
    return blend(stages, _AT, (dawn, noon, sunset, night, dawn))


class Beach(Scene):
    """Sky, sea and sand; the sun rises and sets, the moon follows it."""

    family = "beach"

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        rng = self.rng
        self.horizon = rng.uniform(27, 33)
        self.shore = waves(rng, self.horizon + rng.uniform(13, 18), rng.uniform(1.5, 3))
        self.mirrored = bool(rng.integers(2))
        kinds = rng.choice(["palm", "parasol", "none"], 6, p=[0.5, 0.25, 0.25])
        step, first = PERIOD / 6, rng.uniform(0, PERIOD)
        self.things = [
            (first + i * step + rng.uniform(-6, 6), str(kind), rng.uniform(0.9, 1.25), rng.uniform(2, 7), int(rng.integers(4)))
            for i, kind in enumerate(kinds)
        ]
        self.boats = [(rng.uniform(0, PERIOD), rng.uniform(0.8, 1.2)) for _ in range(int(rng.integers(0, 4)))]

    def paint(self, canvas: Canvas, stages: Array, clock: Array, pan: Array) -> None:
        """Sky, lights, sea, boats, sand, then what stands on it."""
        s = stages % 1.0
        horizon = self.horizon
        canvas.gradient(_day(s, "6f6fb8", "1f83ea", "5f3d86", "050a26"), _day(s, "ffc0a8", "bfe6fc", "ff8a35", "1a2658"), horizon)
        self._lights(canvas, s)
        clouds(canvas, self, _day(s, "ffd2c4", "ffffff", "ffa46a", "39406e"), 0.8, clock, pan)
        sea = _day(s, "9088b8", "1c86d8", "a04a5a", "0e1c4a")
        canvas.fill(box(0, horizon, 64, 64), sea, to=_day(s, "5f6aa8", "1fb4cf", "5a3566", "0a1236"))
        self._glints(canvas, s, clock)
        for where, scale in self.boats:
            left = on_screen(where, pan * 0.5 - clock * 0.15, 14)
            if left is not None:
                _boat(canvas, s, left, horizon + 4, scale)
        tide = 1.2 * np.sin(per_frame(clock) * 0.25)
        shift = pan.reshape(-1, 1, 1)
        canvas.fill(below(lambda u: self.shore(u + shift) - 2.6 + tide), _day(s, "f6dfe0", "ffffff", "f2b49a", "5a6a9a"))
        sand = _day(s, "d8b09c", "f6dc98", "d08a52", "2f3248")
        canvas.fill(below(lambda u: self.shore(u + shift) + tide * 0.4), sand, to=_day(s, "b88c80", "e2bd70", "a0603f", "1d2034"))
        for where, kind, scale, depth, cloth in self.things:
            left = on_screen(where, pan, 24)
            if left is None or kind == "none":
                continue
            base = float(self.shore(np.array([where], np.float32))[0]) + 4 + depth
            if kind == "palm":
                _palm(canvas, s, clock, left, base, scale)
            else:
                _parasol(canvas, s, left, base, scale, _CLOTHS[cloth])

    def _side(self, x: Array) -> Array:
        return 64 - x if self.mirrored else x

    def _lights(self, canvas: Canvas, s: Array) -> None:
        p = ((s + 0.25) % 1 - 0.25) / 0.5
        x, y = self._side(10 + 44 * p), self.horizon - 2 - 20 * np.sin(np.pi * p)
        sun = _day(s, "ffd9a0", "fffbe0", "ffd050", "ffd050")
        up = smooth(-0.3, 0.0, p) * (1 - smooth(1.0, 1.3, p))
        canvas.glow(x, y, 13, sun, 0.6 * up)
        canvas.fill(ellipse(x, y, 5.5, 5.5), sun, up)
        q = (s - 0.5) / 0.5
        moon = smooth(0.08, 0.3, q) * (1 - smooth(0.7, 0.95, q))
        x, y = self._side(14 + 36 * q), 29 - 20 * np.sin(np.pi * np.clip(q, 0, 1))
        canvas.glow(x, y, 11, colour("8fa6e8"), 0.35 * moon)
        canvas.fill(ellipse(x, y, 5, 5), colour("f6f4e4"), moon)

    def _glints(self, canvas: Canvas, s: Array, clock: Array) -> None:
        light = _day(s, "ffc8b0", "8fe0f4", "ffae60", "5068b8")
        for row in range(3):
            y = self.horizon + 3.5 + 4.2 * row
            x = (row * 29 + clock * (0.5 + 0.2 * row)) % 90 - 13
            canvas.fill(ellipse(x, y, 9 + 2 * row, 1.3), light, 0.7, 1.6)
            canvas.fill(ellipse((x + 45 + 13) % 90 - 13, y, 8 + 2 * row, 1.3), light, 0.7, 1.6)


def _palm(canvas: Canvas, s: Array, clock: Array, x: Array, base: float, scale: float) -> None:
    sway = 0.7 * np.sin(clock * 0.3 + base)
    top = base - 25 * scale
    cx = x + 4 * scale + sway
    trunk = _day(s, "6a4848", "8a5a30", "4a2a2c", "141420")
    width = 1.8 * scale
    canvas.fill(polygon((cx - width * 0.8, top), (cx + width * 0.8, top), (x + width, base), (x - width, base)), trunk)
    leaf = _day(s, "4a6a58", "1f9a42", "3f4a2c", "101c20")
    bright = _day(s, "6a8a68", "4fc45a", "5a6434", "182a2c")
    for turn, tint in ((0.55, leaf), (-0.55, leaf), (0.05, bright), (-0.05, bright), (1.25, leaf)):
        side = -1.0 if turn < 0 or turn == 1.25 else 1.0
        angle = turn if turn != 1.25 else -1.1
        reach = 7 * scale
        lift = 0.0 if turn != 1.25 else 1.0
        dx = side * reach * 0.8 * (1 - 0.6 * lift)
        dy = reach * (0.5 * np.sin(abs(angle)) * (1 - 2.2 * lift)) - 1
        canvas.fill(ellipse(cx + dx, top + dy, reach, 2.6 * scale, angle if not lift else 1.1), tint)


def _parasol(canvas: Canvas, s: Array, x: Array, base: float, scale: float, cloth: str) -> None:
    shade = _day(s, "d0b8c0", "ffffff", "e8a080", "303656")
    tint = colour(cloth) * shade
    canvas.fill(box(x - 1.1, base - 12 * scale, x + 1.1, base), colour("f0e8dc") * shade)
    foot = base - 10 * scale
    canvas.fill(
        polygon(
            (x - 4 * scale, foot - 8 * scale), (x + 4 * scale, foot - 8 * scale), (x + 11 * scale, foot), (x - 11 * scale, foot)
        ),
        tint,
    )


def _boat(canvas: Canvas, s: Array, x: Array, base: float, scale: float) -> None:
    sail = _day(s, "ffe6dc", "ffffff", "ffcf9c", "6a76a8")
    canvas.fill(polygon((x, base - 14 * scale), (x + 7 * scale, base - 2), (x - 1, base - 2)), sail)
    hull = _day(s, "6a4a58", "b8452f", "4a2832", "12162c")
    half = 7 * scale
    canvas.fill(
        polygon((x - half, base - 2), (x + half, base - 2), (x + half * 0.7, base + 2.4), (x - half * 0.7, base + 2.4)), hull
    )
