"""A big coloured ball that crosses the scene from left to right."""

import numpy as np

from vstar_sdk.miniworld.captions.ball import COLOURS
from vstar_sdk.miniworld.world.canvas import Array, Canvas, box, colour, ellipse
from vstar_sdk.miniworld.world.scene import Scene

_BALLS = {
    "red": ("b01018", "f04a40"),
    "orange": ("d8600c", "ffa040"),
    "yellow": ("e0b008", "fff068"),
    "green": ("12782c", "48c85a"),
    "blue": ("1c38b8", "5c8cf8"),
    "purple": ("661ca0", "b068e8"),
}
_ROOMS = (("b8d0e0", "8a6a4c"), ("f0dcb8", "6f8a5a"), ("c8c0e0", "5a5470"), ("a8d8c8", "b08a5c"), ("e8e8ea", "8c8c94"))


class Ball(Scene):
    """A bouncing ball in front of a wall; the stage is its way from left to right."""

    family = "ball"

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.choose_colour(COLOURS)
        rng = self.rng
        self.radius = rng.uniform(8.5, 11.5)
        self.floor = rng.uniform(42, 48)
        self.room = _ROOMS[int(rng.integers(len(_ROOMS)))]
        self.hop, self.phase = rng.uniform(0, 9), rng.uniform(0, 3)

    def paint(self, canvas: Canvas, stages: Array, clock: Array, pan: Array) -> None:
        """Wall, floor, shadow, ball."""
        del pan
        s = np.clip(stages, 0, 1)
        wall, ground = (colour(code) for code in self.room)
        one = np.ones((len(s), 1), np.float32)
        canvas.gradient(one * wall * 0.9, one * np.minimum(wall * 1.08, 1), self.floor)
        canvas.fill(box(0, self.floor, 64, 64), ground, to=ground * 0.75)
        r = self.radius
        x = r + 1 + (62 - 2 * r) * s
        lift = self.hop * np.abs(np.sin(clock * 0.2 + self.phase))
        y = self.floor + 6 - r - lift
        canvas.fill(ellipse(x, self.floor + 6.5, r * 0.95, 3), ground * 0.4, 0.7 - 0.03 * lift, 2.0)
        dark, bright = (colour(code) for code in _BALLS[self.colour])
        canvas.fill(ellipse(x, y, r, r), dark)
        canvas.fill(ellipse(x - r * 0.2, y - r * 0.22, r * 0.68, r * 0.66), bright, 0.9, 3.0)
        canvas.fill(ellipse(x - r * 0.38, y - r * 0.42, r * 0.24, r * 0.2), colour("ffffff"), 0.85, 2.0)
