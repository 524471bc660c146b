"""A volcano: calm, smoking, erupting with lava, cooled and black."""

import numpy as np

from vstar_sdk.miniworld.world.canvas import Array, Canvas, below, blend, colour, ellipse, per_frame, polygon, smooth
from vstar_sdk.miniworld.world.scene import Scene, clouds, waves

_AT = (0.0, 1 / 3, 2 / 3, 1.0)


class Volcano(Scene):
    """One big cone in front of the sky."""

    family = "volcano"

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        rng = self.rng
        self.x, self.top, self.base = rng.uniform(25, 39), rng.uniform(22, 28), rng.uniform(50, 54)
        self.half, self.crater = rng.uniform(25, 33), rng.uniform(6, 8)
        self.meadow = waves(rng, self.base + 1, 1.5)
        self.rivers = [(t, rng.uniform(0.8, 1.0)) for t in rng.permutation([-0.55, -0.15, 0.2, 0.6])[:3]]
        self.wind = rng.uniform(-0.35, 0.35)

    def paint(self, canvas: Canvas, stages: Array, clock: Array, pan: Array) -> None:
        """Sky, plume, fountain, cone, lava, meadow."""
        del pan
        s = np.clip(stages, 0, 1)
        canvas.gradient(
            blend(s, _AT, ("2f86ea", "7a8ea6", "3a0c14", "aab6c4")),
            blend(s, _AT, ("c4e6fc", "c6ccd2", "d8401c", "e8ecf0")),
            self.base,
        )
        clouds(canvas, self, blend(s, _AT, ("ffffff", "d8dce2", "6a2420", "f2f4f6")), 0.85, clock, np.zeros_like(clock))
        fire = smooth(0.4, 0.6, s) * (1 - smooth(0.74, 0.92, s))
        self._plume(canvas, s, clock)
        canvas.glow(self.x, self.top - 2, 22, colour("ff7a20"), 0.75 * fire)
        self._fountain(canvas, fire, clock)
        x, top, base, crater = self.x, self.top, self.base + 4, self.crater
        cone = polygon((x - crater, top), (x + crater, top), (x + self.half, base), (x - self.half, base))
        canvas.fill(
            cone,
            blend(s, _AT, ("6f7f78", "66666a", "4a3434", "2a2c34")),
            to=blend(s, _AT, ("4a7048", "565c50", "2c1c1e", "121318")),
        )
        shade = polygon((x + crater * 0.2, top), (x + crater, top), (x + self.half, base), (x + self.half * 0.35, base))
        canvas.fill(shade, colour("000000"), 0.18, 1.5)
        low = top + 8.5
        width = crater + (self.half - crater) * 8.5 / (base - top)
        snow = polygon((x - crater, top), (x + crater, top), (x + width, low), (x - width, low))
        canvas.fill(snow, colour("fafcff"), 1 - smooth(0.1, 0.3, s))
        self._lava(canvas, s, clock)
        ground = blend(s, _AT, ("58b446", "7a9a4e", "3a2420", "3f4346"))
        canvas.fill(below(self.meadow), ground, to=blend(s, _AT, ("3f9638", "5f7f3e", "24161a", "2a2d30")))

    def _plume(self, canvas: Canvas, s: Array, clock: Array) -> None:
        amount = smooth(0.12, 0.3, s) * (1 - 0.75 * smooth(0.78, 1.0, s))
        tint = blend(s, _AT, ("e0e0e0", "62666e", "2a2024", "d0d4d8"))
        for puff in range(6):
            t = (puff / 6 + clock * 0.02) % 1
            x = self.x + t * 40 * self.wind + 2 * np.sin(6 * t + puff)
            size = (4.5 + 8 * t) * (0.6 + 0.4 * amount)
            canvas.fill(ellipse(x, self.top - 1 - t * (self.top + 4), size, size), tint, amount * (1 - 0.55 * t), 3.0)

    def _fountain(self, canvas: Canvas, fire: Array, clock: Array) -> None:
        beat = 1 + 0.12 * np.sin(clock * 0.9)
        for lean, high, size, code in (
            (0, 15, 6.0, "ff5a10"),
            (-7, 11, 4.0, "ff7a18"),
            (7, 11, 4.0, "ff7a18"),
            (0, 9, 4.5, "ffd23a"),
        ):
            reach = high * fire * beat
            shape = ellipse(self.x + lean * fire, self.top + 2 - reach * 0.6, size * (0.4 + 0.6 * fire), reach * 0.8 + 0.1)
            canvas.fill(shape, colour(code), fire, 1.5)

    def _lava(self, canvas: Canvas, s: Array, clock: Array) -> None:
        flow = smooth(0.45, 0.64, s)
        glow = smooth(0.42, 0.5, s) * (1 - smooth(0.76, 0.95, s))
        tint = blend(s, (0.6, 0.75, 0.9), ("ff8a1c", "ff6a14", "8a2a14"))
        core = np.where(per_frame(np.sin(clock * 0.8)).reshape(-1, 1) > 0, colour("ffe060"), colour("ffd048"))
        for lean, length in self.rivers:
            end = self.top + (self.base + 3 - self.top) * np.maximum(flow * length, 0.05)
            x0 = self.x + lean * self.crater
            x1 = self.x + lean * (self.crater + (self.half - self.crater) * (end - self.top) / (self.base + 4 - self.top))
            for width, rgb in ((3.4, tint), (1.5, core)):
                river = polygon((x0 - width * 0.8, self.top), (x0 + width * 0.8, self.top), (x1 + width, end), (x1 - width, end))
                canvas.fill(river, rgb, glow)
