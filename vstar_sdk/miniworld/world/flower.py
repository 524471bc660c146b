"""A flower of a named colour, close up: a closed bud at dawn, a cup in the morning, a huge bloom in the sun."""

import numpy as np

from vstar_sdk.miniworld.captions.flower import COLOURS
from vstar_sdk.miniworld.world.canvas import SIZE, Array, Canvas, below, blend, colour, ellipse, polygon, smooth
from vstar_sdk.miniworld.world.scene import Scene, waves

_AT = (0.0, 0.5, 1.0)
_PETALS = {
    "red": ("b40c18", "f23238"),
    "orange": ("d85400", "ff8a1c"),
    "yellow": ("e0a000", "ffe428"),
    "pink": ("e0488c", "ff9cc8"),
    "purple": ("5c1a98", "a050e0"),
    "blue": ("1838b8", "4880fa"),
    "white": ("b4bcd4", "ffffff"),
}
_HEARTS = {"yellow": ("6a3410", "9a5a20"), "orange": ("6a1c10", "9a3a18"), "white": ("f0a400", "ffd028")}
_HEART = ("f0b010", "ffe050")
_PALETTES = (
    (("1c3e5c", "88c8e4", "ffc858"), ("3a6c7c", "b0e4dc", "ffe8a0"), ("143c34", "54ac5c", "a8d040"), ("orange", "yellow")),
    (("183c48", "8cd4c4", "ffb07c"), ("30645c", "bce8b8", "ffdca4"), ("10382c", "58b068", "98c83c"), ("orange", "pink")),
    (("24386a", "84b0ec", "ffbca0"), ("466a88", "b8d8f4", "ffe4b4"), ("1c3c40", "5cac70", "90c448"), ("pink", "blue", "purple")),
    (("12342c", "5cbc88", "c8dc48"), ("1e5044", "acdca0", "f0f090"), ("0c2c24", "3c9c58", "88c030"), ("yellow",)),
    (("163a50", "78c4c0", "f8d888"), ("2c6464", "a8dcc8", "fff0c4"), ("103430", "50a860", "b4c840"), ("yellow", "white")),
)
"""Colours of the top and the bottom of the sky and of the meadow at dawn, in the morning and in the sun; flowers it hides."""

_WINGS = ("ffffff", "ff9a28")


class Flower(Scene):
    """One flower that fills the frame when open, while the sun comes up behind it."""

    family = "flower"

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.choose_colour(COLOURS)
        rng = self.rng
        self.x, self.y = rng.uniform(28, 36), rng.uniform(27, 29)
        self.root = self.x + rng.uniform(-6, 6)
        self.radius, self.bud = rng.uniform(23.5, 25.5), rng.uniform(1.0, 1.15)
        self.petals = int(rng.choice([5, 6, 7, 8]))
        self.broad = rng.uniform(0.94, 1.06) * {5: 13.0, 6: 11.4, 7: 10.2, 8: 9.2}[self.petals]
        fitting = [palette for palette in _PALETTES if self.colour not in palette[3]]
        self.palette = fitting[int(rng.integers(len(fitting)))]
        self.meadow = waves(rng, rng.uniform(42, 54), rng.uniform(1, 3))
        self.sun = rng.uniform(6, 11) if rng.random() < 0.5 else rng.uniform(53, 58)
        self.turn, self.phase = rng.uniform(-0.3, 0.3), rng.uniform(0, 2 * np.pi)
        self.leaves = [(side, rng.uniform(54, 60), rng.uniform(11, 15), rng.uniform(0.3, 0.7)) for side in (-1, 1)]
        self.butterfly = rng.random() < 0.35
        self.flight = (rng.uniform(0, 96), rng.uniform(9, 26), rng.choice([-1, 1]) * rng.uniform(0.6, 1.0))
        self.wings = _WINGS[{"white": 1, "orange": 0, "yellow": 0}.get(self.colour, int(rng.integers(2)))]

    def paint(self, canvas: Canvas, stages: Array, clock: Array, pan: Array) -> None:
        """Sky, sun and meadow, stem and leaves, bloom, butterfly."""
        del pan
        s = np.clip(stages, 0, 1)
        self._morning(canvas, s)
        swing = np.sin(clock * 0.17 + self.phase)
        x, y = self.x + 1.8 * swing, np.interp(s, _AT, (55, 48, self.y))
        root, stem = self.root, blend(s, _AT, ("2c7a3c", "34963e", "3ca03c"))
        canvas.fill(polygon((x - 2.5, y), (x + 2.5, y), (root + 3, 68), (root - 3, 68)), stem)
        leaf = blend(s, _AT, ("2f8048", "3fae4c", "58bc40"))
        for side, level, long, lift in self.leaves:
            grown = np.interp(s, (0, 1), (0.65, 1)) * long
            angle = -side * (np.interp(s, (0, 1), (0.75, 0)) * 0.6 + lift) + 0.05 * swing
            middle = level + np.interp(s, (0, 1), (5, 0))
            canvas.fill(ellipse(root + side * grown * 0.9, middle, grown, grown * 0.36, angle), leaf)
        self._bloom(canvas, s, x, y, 0.06 * swing)
        if self.butterfly:
            self._butterfly(canvas, clock)

    def _morning(self, canvas: Canvas, s: Array) -> None:
        top, bottom, ground, _ = self.palette
        canvas.gradient(blend(s, _AT, top), blend(s, _AT, bottom), 50)
        high = np.interp(s, (0, 1), (66, 7))
        canvas.glow(self.sun, high, 20, colour("fff4c0"), 0.75 * smooth(0.0, 0.7, s))
        canvas.fill(ellipse(self.sun, high, 7, 7), colour("fffbe0"), 1.0, 2.5)
        canvas.fill(below(self.meadow), blend(s, _AT, ground), 1.0, 3.0)

    def _bloom(self, canvas: Canvas, s: Array, x: Array, y: Array, lean: Array) -> None:
        dark, bright = (colour(code) for code in _PETALS[self.colour])
        soft = 0.0 if self.colour == "white" else 0.45
        edge = dark + (bright - dark) * soft * (1 - smooth(0.4, 1.0, s))[:, None]
        fan = np.interp(s, _AT, (0.06, 0.6, np.pi * (1 - 1 / self.petals)))
        long = np.interp(s, (0, 0.5, 0.75, 1), (12.2 * self.bud, 12.2, 10.8, self.radius / 2))
        wide = np.interp(s, (0, 0.5, 0.75, 1), (6.6 * self.bud, 7.4, 0.35 * 7.4 + 0.6 * self.broad, self.broad))
        disc = np.interp(s, (0.5, 1), (0.1, self.radius * 0.6))
        canvas.fill(ellipse(x, y, disc, disc), edge, smooth(0.5, 0.6, s))
        order = np.linspace(-1, 1, self.petals)
        for i in sorted(range(self.petals), key=lambda i: -abs(order[i])):
            angle = order[i] * fan + self.turn * smooth(0.5, 1.0, s) + lean
            px, py = x + np.sin(angle) * long, y - np.cos(angle) * long
            canvas.fill(ellipse(px, py, wide, long, angle), edge)
            canvas.fill(ellipse(px + 0.06 * (px - x), py + 0.06 * (py - y), wide - 2, long - 2, angle), bright, 0.95, 2.0)
        self._sepals(canvas, s, x, y, lean)
        rim, core = (colour(code) for code in _HEARTS.get(self.colour, _HEART))
        heart = smooth(0.5, 1.0, s)
        canvas.fill(ellipse(x, y, 8 * heart, 8 * heart), rim, smooth(0.5, 0.62, s))
        canvas.fill(ellipse(x, y, 5.5 * heart, 5.5 * heart), core, smooth(0.5, 0.62, s), 2.0)

    def _sepals(self, canvas: Canvas, s: Array, x: Array, y: Array, lean: Array) -> None:
        there = 1 - smooth(0.5, 0.72, s)
        long = np.interp(s, (0, 0.5, 0.72), (9.6 * self.bud, 5.5, 0.5))
        wide = np.interp(s, (0, 0.5, 0.72), (5.6 * self.bud, 4.2, 0.5))
        for side, code in ((-1, "3c9444"), (1, "3c9444"), (0, "6cc458")):
            angle = side * np.interp(s, (0, 0.5), (0.24, 0.95)) + lean
            px, py = x + np.sin(angle) * long, y + 1 - np.cos(angle) * long
            canvas.fill(ellipse(px, py, wide, long, angle), colour(code), there)

    def _butterfly(self, canvas: Canvas, clock: Array) -> None:
        start, high, speed = self.flight
        x = (start + speed * clock) % (SIZE + 32) - 16
        y = high + 4 * np.sin(clock * 0.13 + self.phase)
        flap = 0.8 + 0.2 * np.sin(clock * 0.7)
        for side in (-1, 1):
            canvas.fill(ellipse(x + side * 4.5 * flap, y - 1, 4.8 * flap, 5.6, side * 0.5), colour(self.wings))
        canvas.fill(ellipse(x, y, 1.2, 4), colour("3a2a30"))
