"""A submarine that dives from the sunny surface past a coral reef into the dark deep, among big fish."""

from typing import NamedTuple

import numpy as np

from vstar_sdk.miniworld.captions.submarine import FAMILY
from vstar_sdk.miniworld.world.canvas import SIZE, Array, Canvas, Shape, Value, below, blend, colour, ellipse, per_frame, polygon
from vstar_sdk.miniworld.world.canvas import smooth as ramp
from vstar_sdk.miniworld.world.scene import Scene, clouds

_AT = (0.0, 0.25, 0.5, 0.75, 1.0)
_WATER = (("63dcf0", "46cfe6", "2fc4d0", "14508f", "0a1340"), ("2398dc", "1c8fd0", "1288b4", "0a2f68", "04071e"))
_HULLS = {"yellow": "ffd21c", "red": "e8281f", "orange": "ff8a14", "green": "35b53a", "purple": "9a45dc", "white": "f6f8fa"}
_FISH = {"yellow": "ffe04a", "red": "f0403a", "orange": "ff7e1e", "purple": "a45aec", "white": "fdfdfd", "pink": "ff6aa8"}
_CORALS = ("ff5d8f", "ff7a2a", "e8383e", "ff9ac2", "c04ad0", "ffb02e")
_DIVE = 110.0
"""Pixels that the camera sinks from the surface to the deep."""


class _Fish(NamedTuple):
    """A fish that crosses the frame at its own speed, in pixels a frame; a negative speed swims left."""

    x: float
    y: float
    size: float
    speed: float
    code: str
    front: bool


class Submarine(Scene):
    """A submarine in the middle of the frame, its nose to the right, or all mirrored."""

    family = "submarine"

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        rng = self.rng
        hull = self.choose_colour(FAMILY.colours)
        self.hull = colour(_HULLS[hull])
        self.mirrored = bool(rng.integers(2))
        self.x, self.y, self.long, self.high = (
            rng.uniform(26, 31),
            rng.uniform(32, 35),
            rng.uniform(13.5, 15.5),
            rng.uniform(6.6, 7.4),
        )
        self.tower, self.windows = rng.uniform(-4, 2), int(rng.integers(2, 4))
        self.sun, self.sun_y, self.phase = rng.uniform(8, 56), rng.uniform(8, 13), rng.uniform(0, 6.28)
        tints = rng.permutation([code for name, code in _FISH.items() if name != hull])
        lanes = [(54.5, True), (23.0, False), (44.5, True), (13.0, False)][: int(rng.integers(3, 5))]
        side = int(rng.choice([-1, 1]))
        self.fish: list[_Fish] = []
        for i, (lane, front) in enumerate(lanes):
            speed = rng.uniform(1.6, 3.8) * side * (-1 if i in (1, 2) else 1)
            self.fish.append(_Fish(rng.uniform(0, 100), lane + rng.uniform(-2, 2), rng.uniform(6.0, 8.0), speed, tints[i], front))
        self.bubbles = [(rng.uniform(2, 62), rng.uniform(0, 80), rng.uniform(2.2, 3.2), rng.uniform(0.9, 1.7)) for _ in range(4)]
        self.cliffs = (rng.uniform(13, 20), rng.uniform(13, 20))
        self.shelf = rng.uniform(45, 49), rng.uniform(45, 49)
        corals = rng.permutation(_CORALS)
        kinds = rng.permutation([0, 1, 2, int(rng.integers(3)), int(rng.integers(3))])
        spots = (rng.uniform(2, 6), rng.uniform(13, 17), rng.uniform(47, 51), rng.uniform(58, 62), rng.uniform(27, 37))
        self.corals = [
            (x, rng.uniform(4.6, 6.4), int(kind), str(code)) for x, kind, code in zip(spots, kinds, corals, strict=False)
        ]
        self.plants = [(rng.uniform(8, 11), rng.uniform(6.5, 9)), (rng.uniform(53, 56), rng.uniform(6.5, 9))]
        self.rocks = [(x + rng.uniform(-4, 4), rng.uniform(8, 12), rng.uniform(6, 10)) for x in (6, 28, 56)]
        glow = rng.permutation(["ff7ad8", "5cf0ff", "8cff9a", "c49aff"])
        self.jellies = [(rng.uniform(48, 56), rng.uniform(11, 16), rng.uniform(5, 6.5), str(glow[0]))]
        if rng.integers(2):
            self.jellies.append((rng.uniform(8, 14), rng.uniform(12, 17), rng.uniform(4.2, 5.2), str(glow[1])))

    def paint(self, canvas: Canvas, stages: Array, clock: Array, pan: Array) -> None:
        """Sky, water, reef, deep, fish behind, submarine, fish in front."""
        del pan
        s = np.clip(stages, 0, 1)
        line = self.y + 1 - _DIVE * s
        always = np.ones_like(s) > 0
        for draw, seen in (
            (self._sky, line > -5),
            (self._water, always),
            (self._dunes, (s > 0.12) & (s < 0.75)),
            (self._reef, s > 0.14),
            (self._deep, s > 0.6),
            (self._bubbles, always),
            (self._fish_behind, always),
            (self._submarine, always),
            (self._crest, line > -8),
            (self._fish_in_front, always),
        ):
            if seen.any():
                span = slice(int(seen.argmax()), len(s) - int(seen[::-1].argmax()))
                draw(canvas.part(span), s[span], clock[span], line[span])
        if self.mirrored:
            canvas.pixels = canvas.pixels[:, :, ::-1]

    def _swell(self, x: Array, clock: Array) -> Array:
        t = per_frame(clock)
        return 1.3 * np.sin(x / 4.2 - 0.42 * t + self.phase) + 0.9 * np.sin(x / 7.1 + 0.27 * t)

    def _sky(self, canvas: Canvas, s: Array, clock: Array, line: Array) -> None:
        canvas.gradient(blend(s, (0, 0.35), ("3a9cf2", "5ab4f4")), blend(s, (0, 0.35), ("d4f0fd", "e4f6fd")), self.y)
        y = self.sun_y - 30 * s
        canvas.fill(ellipse(self.sun, y, 10, 10), colour("fff6c0"), 0.8, 9.0)
        canvas.fill(ellipse(self.sun, y, 6.5, 6.5), colour("ffe14a"))
        clouds(canvas, self, colour("ffffff"), 0.95, clock, np.zeros_like(clock))
        x = (self.phase * 15 + 1.7 * clock) % 100 - 18
        y = 17 - 30 * s + np.sin(0.3 * clock)
        flap = 0.5 + 0.3 * np.sin(0.8 * clock)
        for side in (-1, 1):
            wing = ellipse(x + side * 4 * np.cos(flap), y - 4 * np.sin(flap), 4.8, 1.6, -side * flap)
            canvas.fill(wing, colour("34466a"))

    def _water(self, canvas: Canvas, s: Array, clock: Array, line: Array) -> None:
        y = per_frame(line)
        canvas.fill(below(lambda x: y + self._swell(x, clock)), blend(s, _AT, _WATER[0]), to=blend(s, _AT, _WATER[1]))
        beam = ramp(0.08, 0.3, s) * (1 - ramp(0.5, 0.85, s))
        for i, x in enumerate((self.sun - 14, self.sun + 12)):
            left = x + 3 * np.sin(0.07 * clock + 2 * i) - 12 * (s - 0.4)
            ray = polygon((left - 4, -2), (left + 5, -2), (left - 1, 66), (left - 15, 66))
            canvas.fill(ray, colour("e4fff8"), 0.24 * beam, 5.0)

    def _crest(self, canvas: Canvas, s: Array, clock: Array, line: Array) -> None:
        """The water in front of the hull, and the foam."""
        y = per_frame(line) + 2.5
        veil = 0.34 * (1 - ramp(0.0, 0.13, s))
        canvas.fill(below(lambda x: y + self._swell(x + 9, clock)), blend(s, _AT, _WATER[0]), veil)

        def foam(u: Array, v: Array) -> Array:
            return np.abs(v - y - self._swell(u + 9, clock)) - 1.3

        canvas.fill(Shape(foam, 0, SIZE, float(line.min()) - 3, float(line.max()) + 7), colour("f4feff"), 0.92)

    def _dunes(self, canvas: Canvas, s: Array, clock: Array, line: Array) -> None:
        """The far sea floor behind the reef, in the haze of the water."""
        shown = 1 - ramp(0.48, 0.72, s)
        y = per_frame(53 + 80 * (0.5 - s))
        if y.min() > SIZE + 18 or shown.max() <= 0:
            return
        sand = blend(s, _AT, ("a8dcc8", "a8dcc8", "b4d8b4", "2a5c88", "0a1340"))
        canvas.fill(below(lambda x: y + 2 * np.sin(x / 9 + self.phase)), sand, shown)
        x, size, kind, code = self.corals[4]
        haze = colour(code) * 0.78 + colour("2fc4d0") * 0.22
        _coral(canvas, x, y.ravel() + 1, size, kind, haze, shown, clock)

    def _reef(self, canvas: Canvas, s: Array, clock: Array, line: Array) -> None:
        """Two shelves with corals, a cliff below each: the submarine dives between them."""
        rise = _DIVE * (0.5 - s)
        light = blend(s, _AT, ("ffffff", "ffffff", "ffffff", "8890b4", "40466c"))
        rock = blend(s, _AT, ("d8b488", "d8b488", "d8b488", "4a4878", "1c2348"))
        foot = blend(s, _AT, ("6a6a90", "6a6a90", "5a628c", "262c58", "121838"))
        for side, (width, shelf) in enumerate(zip(self.cliffs, self.shelf, strict=True)):
            top = shelf + rise
            if top.min() - 22 > SIZE:
                continue
            for x, size, kind, code in self.corals[2 * side : 2 * side + 2]:
                if kind == 1:
                    _coral(canvas, x, top + 2, size, kind, colour(code) * light, 1.0, clock)
            x, high = self.plants[side]
            for i in (0, 1):
                lean = 0.28 * np.sin(0.22 * clock + x + 1.4 * i)
                at = x + 5 * i - 2.5, top + 2 - high * (1 - 0.25 * i)
                leaf = ellipse(at[0] + high * np.sin(lean), at[1], 2.4, high * (1 - 0.25 * i), lean)
                canvas.fill(leaf, colour(("2fae4c", "56cc4a")[i]) * light)
            canvas.fill(_cliff(width, top, right=bool(side)), rock)
            canvas.fill(_cliff(width - 0.5, top + 7, right=bool(side)), foot, 1.0, 1.5)
            for x, size, kind, code in self.corals[2 * side : 2 * side + 2]:
                if kind != 1:
                    _coral(canvas, x, top + 2, size, kind, colour(code) * light, 1.0, clock)

    def _deep(self, canvas: Canvas, s: Array, clock: Array, line: Array) -> None:
        """The floor of the deep and its glowing jellyfish."""
        dark = 1 - s
        floor = 57 + _DIVE * dark
        if floor.min() - 14 < SIZE:
            for i, (x, width, high) in enumerate(self.rocks):
                stone = ellipse(x, floor, width, high)
                canvas.fill(stone, colour(("38477c", "2c3a6a", "344274")[i]), 1.0, 1.5)
            y = per_frame(floor)
            canvas.fill(below(lambda x: y + 1.6 * np.sin(x / 8 + self.phase)), colour("1f2a54"))
        shown = ramp(0.62, 0.9, s)
        for i, (x, y, size, code) in enumerate(self.jellies):
            beat = np.sin(0.3 * clock + 2 * i + self.phase)
            at_x, at_y = x + 2 * np.sin(0.09 * clock + i), y + 50 * dark - 1.5 * beat
            canvas.fill(ellipse(at_x, at_y, 1.6 * size, 1.6 * size), colour(code), 0.5 * shown, 2.4 * size)
            for k in (-1, 0, 1):
                sway = 0.25 * np.sin(0.3 * clock + k) + 0.12 * k
                arm = ellipse(at_x + 0.6 * size * k - 5 * np.sin(sway), at_y + size * 0.95, 1.1, size * 0.85, sway)
                canvas.fill(arm, colour(code), 0.75 * shown)
            bell = ellipse(at_x, at_y, size * (1 - 0.1 * beat), size * (0.72 + 0.1 * beat))
            canvas.fill(bell, colour("ffffff") * 0.35 + colour(code) * 0.65, shown)

    def _bubbles(self, canvas: Canvas, s: Array, clock: Array, line: Array) -> None:
        for x, y, size, speed in self.bubbles:
            at = (y - speed * clock - 60 * s) % 80 - 8
            shown = ramp(1, 7, at - line)
            centre = x + 1.5 * np.sin(0.2 * clock + y)
            rgb = blend(s, (0.4, 1.0), ("f0ffff", "6a94d8"))
            canvas.fill(ellipse(centre, at, size, size), rgb, 0.75 * shown)

    def _fish_behind(self, canvas: Canvas, s: Array, clock: Array, line: Array) -> None:
        for fish in self.fish:
            if not fish.front:
                self._swim(canvas, fish, s, clock, line)

    def _fish_in_front(self, canvas: Canvas, s: Array, clock: Array, line: Array) -> None:
        for fish in self.fish:
            if fish.front:
                self._swim(canvas, fish, s, clock, line)

    def _swim(self, canvas: Canvas, fish: _Fish, s: Array, clock: Array, line: Array) -> None:
        x = (fish.x + fish.speed * clock) % 100 - 18
        y = fish.y + 1.4 * np.sin(0.17 * clock + fish.x)
        shown = ramp(2, 9, y - line)
        way, a = np.sign(fish.speed), fish.size
        light = blend(s, _AT, ("ffffff", "ffffff", "ffffff", "dcdcee", "b4b8d8"))
        body = colour(fish.code) * light
        wag = np.sin(0.9 * clock + fish.x)
        dark = body * 0.72
        end, root = x - way * (1.75 + 0.12 * wag) * a, x - way * 0.6 * a
        tail = (root, y), (end, y - 0.8 * a + wag), (end, y + 0.8 * a + wag)
        canvas.fill(polygon(*(tail[::-1] if way > 0 else tail)), dark, shown)
        canvas.fill(ellipse(x, y, a, a * 0.62), body, shown)
        canvas.fill(ellipse(x - way * 0.1 * a, y, 1.3, a * 0.5), colour("ffffff") * 0.6 + body * 0.4, 0.85 * shown)
        canvas.fill(ellipse(x + way * 0.55 * a, y - 0.12 * a, 1.3, 1.3), colour("101428"), shown)

    def _submarine(self, canvas: Canvas, s: Array, clock: Array, line: Array) -> None:
        bob = 1 - 0.5 * s
        turn = 0.055 * bob * np.sin(0.19 * clock + self.phase)
        cos, sin = np.cos(turn), np.sin(turn)
        x0, y0 = self.x + np.sin(0.11 * clock), self.y + 1.3 * bob * np.sin(0.26 * clock)

        def at(a: Value, b: Value) -> tuple[Value, Value]:
            return x0 + a * cos - b * sin, y0 + a * sin + b * cos

        long, high = self.long, self.high
        lamp = ramp(0.5, 0.95, s)
        for spread, power in ((11, 0.45), (6, 0.55)):
            cone = polygon(at(long - 2, -1), at(long + 36, -spread), at(long + 36, spread + 3), at(long - 2, 2.5))
            canvas.fill(cone, colour("ffe45c"), power * lamp, 2.5)
        canvas.fill(ellipse(x0, y0 - 2, 20, 14), self.hull * 0.4 + colour("b4d0ff") * 0.6, 0.34 * lamp, 14.0)
        body, shade = self.hull * (1 - 0.06 * s[:, None]), self.hull * 0.74
        edge = self.hull * 0.3
        blade = 1.5 + 3.2 * np.abs(np.sin(0.9 * clock))
        canvas.fill(ellipse(*at(-long - 2.2, 0), 1.4, blade, turn), colour("c8a860"))
        fin = polygon(at(-long + 1, -6), at(-long + 4, -6), at(-long + 7, 5), at(-long - 1, 5))
        canvas.fill(fin, shade)
        t = self.tower
        for grow, rgb in ((1.1, edge), (0.0, body)):
            g = grow
            tube = polygon(
                at(t - 1 - g, -high - 9 - g), at(t + 1.2 + g, -high - 9 - g), at(t + 1.2 + g, -high), at(t - 1 - g, -high)
            )
            canvas.fill(tube, rgb)
            eye = polygon(
                at(t, -high - 9.2 - g), at(t + 4.2 + g, -high - 9.2 - g), at(t + 4.2 + g, -high - 6.8 + g), at(t, -high - 6.8 + g)
            )
            canvas.fill(eye, rgb)
            corners = at(t - 4 - g, -high - 4 - g), at(t + 4.5 + g, -high - 4 - g), at(t + 6 + g, -2), at(t - 6 - g, -2)
            canvas.fill(polygon(*corners), rgb)
            canvas.fill(ellipse(*at(0, 0), long + g, high + g, turn), rgb)
        canvas.fill(ellipse(*at(0, 3.8), long * 0.84, high * 0.44, turn), shade, 0.85, 2.0)
        pane = blend(s, (0.0, 0.5, 1.0), ("bdeeff", "d4f8ff", "fff6a0"))
        first = -4.2 * (self.windows - 1) + 1.0
        for i in range(self.windows):
            spot = at(first + 8.4 * i, -0.5)
            canvas.fill(ellipse(*spot, 3.5, 3.5), edge)
            canvas.fill(ellipse(*spot, 2.5, 2.5), pane)
        canvas.fill(ellipse(*at(long - 1, 0.8), 1.8, 2.2, turn), colour("fff8c8"), lamp)


def _cliff(width: float, top: Array, right: bool) -> Shape:
    """A shelf at the side of the frame, flat on top; below, it recedes from the middle."""
    y = per_frame(top)

    def distance(u: Array, v: Array) -> Array:
        x = SIZE - u if right else u
        down = np.maximum(v - y, 0)
        reach = width * (0.35 + 0.65 * np.exp(-down / 26)) + 1.6 * np.sin(down / 5)
        return np.maximum(x - reach - 2, y + 0.02 * (x - 4) ** 2 - v)

    box = (SIZE - width - 6, SIZE) if right else (0, width + 6)
    return Shape(distance, *box, float(top.min()), SIZE)


def _coral(canvas: Canvas, x: float, y: Array, size: float, kind: int, rgb: Array, opacity: Value, clock: Array) -> None:
    """A coral with its foot at ``(x, y)``: a dome, a fan that sways, or a bush of thick arms."""
    if np.min(y) - 3 * size > SIZE or np.max(y) + size < 0:
        return
    pale = 0.72 * rgb + 0.28
    if kind == 0:
        canvas.fill(ellipse(x, y - 0.5 * size, 1.15 * size, size), rgb, opacity)
        canvas.fill(ellipse(x - 0.3 * size, y - 0.85 * size, 0.55 * size, 0.4 * size), pale, opacity, 1.5)
    elif kind == 1:
        lean = 0.14 * np.sin(0.2 * clock + x)
        canvas.fill(ellipse(x + 8 * lean, y - 1.2 * size, 1.05 * size, 1.25 * size, lean), rgb, opacity)
        canvas.fill(ellipse(x + 8 * lean, y - 1.3 * size, 0.55 * size, 0.75 * size, lean), pale, opacity, 1.5)
    else:
        for lean, high in ((-0.75, 0.95), (0.75, 0.95), (-0.2, 1.25), (0.3, 1.1)):
            reach = size * high
            canvas.fill(ellipse(x + reach * np.sin(lean), y - reach * np.cos(lean), 1.9, reach, lean), rgb, opacity)
