"""A big flower of a named colour: a closed bud, half open, in full bloom."""

import numpy as np

from vstar_sdk.miniworld.captions.flower import COLOURS
from vstar_sdk.miniworld.world.canvas import Array, Canvas, box, colour, ellipse, smooth
from vstar_sdk.miniworld.world.scene import Scene

_PETALS = {
    "red": ("c8141c", "f0484a"),
    "orange": ("e8700c", "ffa848"),
    "yellow": ("f0c008", "fff070"),
    "pink": ("e85a9c", "ffb0d4"),
    "purple": ("7a28b8", "b878ec"),
    "blue": ("2448d0", "6f9cfa"),
    "white": ("d4d8e8", "ffffff"),
}
_BACKS = (("2f7a56", "1a4a34"), ("8fd0e8", "4f9a58"), ("3f8a7a", "1c5044"), ("a8d8b0", "3f8a48"), ("2c4a6a", "1a3a34"))


class Flower(Scene):
    """One bloom that fills half of the frame when open."""

    family = "flower"

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.choose_colour(COLOURS)
        rng = self.rng
        self.x, self.y = rng.uniform(28, 36), rng.uniform(25, 30)
        self.size = rng.uniform(0.88, 1.08)
        self.back = _BACKS[int(rng.integers(len(_BACKS)))]
        self.petals = int(rng.choice([5, 6, 7]))
        self.turn = rng.uniform(0, 0.4)
        self.spots = rng.uniform(0, 64, (4, 2))

    def paint(self, canvas: Canvas, stages: Array, clock: Array, pan: Array) -> None:
        """Meadow, stem and leaves, bloom."""
        del pan
        s = np.clip(stages, 0, 1)
        one = np.ones((len(s), 1), np.float32)
        canvas.gradient(one * colour(self.back[0]), one * colour(self.back[1]))
        for x, y in self.spots:
            canvas.glow(x + 3 * np.sin(clock * 0.07 + y), y, 9, colour("ffffff"), 0.13)
        sway = 1.3 * np.sin(clock * 0.18 + self.turn * 9)
        x, y = self.x + sway, self.y + 8 * (1 - smooth(0.0, 0.9, s)) * self.size
        stem = colour("2f9a3a")
        canvas.fill(box(self.x + sway * 0.5 - 2, y, self.x + sway * 0.5 + 2, 66), stem)
        for side in (-1, 1):
            canvas.fill(ellipse(self.x + side * 11, 56, 11, 4, -0.45 * side), colour("3fb44a"))
        self._bloom(canvas, s, x, y)

    def _bloom(self, canvas: Canvas, s: Array, x: Array, y: Array) -> None:
        dark, bright = (colour(code) for code in _PETALS[self.colour])
        fan = np.interp(s, (0, 0.5, 1), (0.12, 0.95, np.pi * (1 - 1 / self.petals)))
        length = np.interp(s, (0, 0.5, 1), (8.5, 12.5, 12.5)) * self.size
        width = np.interp(s, (0, 0.5, 1), (4.6, 5.6, 7.6)) * self.size
        reach = np.interp(s, (0, 0.5, 1), (3.0, 8.0, 12.0)) * self.size
        order = np.linspace(-1, 1, self.petals)
        for i in sorted(range(self.petals), key=lambda i: -abs(order[i])):
            angle = order[i] * fan + self.turn * smooth(0.6, 1.0, s)
            px, py = x + np.sin(angle) * reach, y - np.cos(angle) * reach
            canvas.fill(ellipse(px, py, width, length, angle), dark)
            canvas.fill(ellipse(px, py, width * 0.62, length * 0.72, angle), bright, 0.9, 1.6)
        canvas.fill(ellipse(x, y + 6.5 * self.size, 6.2, 5.5), colour("2f9a3a"), 1 - smooth(0.55, 0.8, s))
        heart = smooth(0.55, 0.95, s)
        canvas.fill(
            ellipse(x, y, 6.8 * heart + 0.1, 6.8 * heart + 0.1), colour("7a4416" if self.colour == "yellow" else "ffd23a"), heart
        )
