"""What a scene of the world is, and the drawing that families share: skies, clouds and ridges."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vstar_sdk.miniworld.world.canvas import SIZE, Array, Canvas, Value, ellipse

PERIOD = 192.0
"""Width of a panorama in pixels; it repeats."""


class Scene(ABC):
    """One layout of a family, fixed by its seed: it renders any stage, at any moment, from any camera position.

    A family is a subclass in a module of its own in this package, with the class attribute ``family``.
    """

    family: ClassVar[str]

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = np.random.default_rng([seed, sum(map(ord, self.family))])
        self.colour = ""
        self.cloud_table = cloud_table(self.rng)

    def choose_colour(self, names: tuple[str, ...]) -> str:
        """Draw this scene's colour word."""
        self.colour = names[int(self.rng.integers(len(names)))]
        return self.colour

    @abstractmethod
    def paint(self, canvas: Canvas, stages: Array, clock: Array, pan: Array) -> None:
        """Paint all frames; arguments as in ``render``, as float32."""

    def render(self, stages: Array, clock: Array, pan: Array | None = None, *, scale: int = 1) -> NDArray[np.uint8]:
        """Frames of the scene.

        Args:
            stages: what the scene shows in each frame, shape ``(F,)``, in [0, 1].
            clock: time of each frame in frames, shape ``(F,)``: it moves clouds, waves and smoke.
            pan: camera position of each frame in pixels of the world's own size, shape ``(F,)``; zero without it.
            scale: how many times as wide and as high as the world's own size. The same picture, with finer edges.

        Returns:
            Shape ``(F, 64 scale, 64 scale, 3)``, uint8.
        """
        canvas = Canvas(len(stages), scale)
        moved = np.zeros(len(stages)) if pan is None else pan
        self.paint(canvas, *(np.asarray(v, np.float32) for v in (stages, clock, moved)))
        return canvas.frames()


def cloud_table(rng: np.random.Generator) -> NDArray[np.float64]:
    """Random clouds: rows of x, y, width, height, speed."""
    count = int(rng.integers(2, 5))
    x = (np.arange(count) + rng.uniform(0, 0.7, count)) * 110 / count
    shape = (rng.uniform(4, 17, count), rng.uniform(7, 12, count), rng.uniform(2.6, 4, count))
    return np.stack([x, *shape, np.full(count, rng.uniform(0.25, 0.6))], -1)


def clouds(canvas: Canvas, scene: Scene, rgb: Array, opacity: Value, clock: Array, pan: Array) -> None:
    """Paint drifting clouds; ``rgb`` is ``(F, 3)``."""
    for x, y, width, height, speed in scene.cloud_table:
        left = (x + speed * clock - 0.12 * pan) % 110 - 22
        canvas.fill(ellipse(left, y, width, height), rgb, opacity, 2.0)
        canvas.fill(ellipse(left + width * 0.35, y - height * 0.7, width * 0.5, height), rgb, opacity, 2.0)


def waves(rng: np.random.Generator, base: float, height: float, bumps: int = 3) -> Callable[[Array], Array]:
    """A random smooth line ``y(x)`` of a panorama, about ``base``, at most ``height`` off; periodic."""
    orders = rng.integers(2, 3 + bumps, bumps)
    phases = rng.uniform(0, 2 * np.pi, bumps)
    weights = rng.uniform(0.4, 1, bumps) / orders
    weights = weights / weights.sum() * height

    def line(x: Array) -> Array:
        parts = [w * np.sin(2 * np.pi * o * x / PERIOD + p) for o, p, w in zip(orders, phases, weights, strict=True)]
        return base - np.sum(parts, 0)

    return line


def on_screen(x: float, pan: Array, margin: float) -> Array | None:
    """Screen position, ``(F,)``, of something at ``x`` of the panorama; None if it is never in view."""
    left = (x - pan + margin) % PERIOD - margin
    return None if np.all(left > SIZE + margin) else left.astype(np.float32)
