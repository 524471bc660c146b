"""A small anti-aliased painter: shapes are signed distances, painted on many frames at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""An array of real numbers; the shape is said where it is used."""

Value = float | Array
"""A number, or one number a frame, shape ``(F,)``."""

SIZE = 64
"""Width and height of a frame: the unit of all lengths, and a pixel unless the canvas is larger."""


def colour(code: str) -> Array:
    """The RGB colour, shape ``(3,)`` in [0, 1], of six hexadecimal digits."""
    return np.array([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)], np.float32)


def per_frame(value: Value) -> Array:
    """A number or ``(F,)`` as ``(F or 1, 1, 1)``, to be combined with pixel coordinates."""
    return np.asarray(value, np.float32).reshape(-1, 1, 1)


def smooth(edge0: float, edge1: float, value: Array) -> Array:
    """The smoothstep of ``value``: 0 up to ``edge0``, 1 from ``edge1``."""
    t = np.clip((value - edge0) / (edge1 - edge0), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def blend(stages: Array, at: Sequence[float], colours: Sequence[str]) -> Array:
    """Colours interpolated over stages.

    Args:
        stages: shape ``(F,)``.
        at: rising stages of the given colours.
        colours: as many codes of six hexadecimal digits.

    Returns:
        RGB, shape ``(F, 3)``.
    """
    table = np.stack([colour(code) for code in colours])
    return np.stack([np.interp(stages, at, table[:, c]) for c in range(3)], -1).astype(np.float32)


@dataclass(frozen=True)
class Shape:
    """An outline by its signed distance in pixels, negative inside, with the box that holds it."""

    distance: Callable[[Array, Array], Array]
    left: float
    right: float
    top: float
    bottom: float


def _low(*values: Value) -> float:
    return float(min(np.min(value) for value in values))


def _high(*values: Value) -> float:
    return float(max(np.max(value) for value in values))


def ellipse(x: Value, y: Value, rx: Value, ry: Value, angle: Value = 0.0) -> Shape:
    """An ellipse about ``(x, y)`` with the given radii, turned clockwise by ``angle`` radians.

    The edge of a long ellipse is softer at its ends, so its box has room for that.
    """
    cx, cy = per_frame(x), per_frame(y)
    a, b = np.maximum(per_frame(rx), 1e-3), np.maximum(per_frame(ry), 1e-3)
    thin = np.minimum(a, b)
    cos, sin = np.cos(per_frame(angle)), np.sin(per_frame(angle))
    wide, high = np.hypot(a * cos, b * sin) * (1 + 1 / thin), np.hypot(a * sin, b * cos) * (1 + 1 / thin)

    def distance(u: Array, v: Array) -> Array:
        du, dv = u - cx, v - cy
        return (np.hypot((du * cos + dv * sin) / a, (dv * cos - du * sin) / b) - 1) * thin

    return Shape(distance, _low(cx - wide), _high(cx + wide), _low(cy - high), _high(cy + high))


def polygon(*corners: tuple[Value, Value]) -> Shape:
    """A convex polygon; corners run clockwise on the screen (y points down)."""
    points = [(per_frame(x), per_frame(y)) for x, y in corners]

    def distance(u: Array, v: Array) -> Array:
        worst = np.full((1, 1, 1), -np.inf, np.float32)
        for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
            dx, dy = x1 - x0, y1 - y0
            worst = np.maximum(worst, ((u - x0) * dy - (v - y0) * dx) / np.maximum(np.hypot(dx, dy), 1e-3))
        return worst

    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return Shape(distance, _low(*xs), _high(*xs), _low(*ys), _high(*ys))


def box(left: Value, top: Value, right: Value, bottom: Value) -> Shape:
    """An upright rectangle."""
    return polygon((left, top), (right, top), (right, bottom), (left, bottom))


def below(line: Callable[[Array], Array]) -> Shape:
    """Everything under a line ``y = line(x)``; ``line`` maps ``(1, 1, W)`` to ``(F or 1, 1, W)``."""
    return Shape(lambda u, v: line(u) - v, 0, SIZE, 0, SIZE)


def everywhere() -> Shape:
    """The whole frame."""
    return Shape(lambda u, v: np.full(np.broadcast_shapes(u.shape, v.shape), -9, np.float32), 0, SIZE, 0, SIZE)


class Canvas:
    """Frames under the brush: ``pixels`` has shape ``(F, side, side, 3)``, float32, where ``side = SIZE scale``.

    Args:
        frames: how many.
        scale: pixels to a unit of length. Everything stays where it is; an edge that is one pixel wide stays so.
    """

    def __init__(self, frames: int, scale: int = 1) -> None:
        side = SIZE * scale
        self.pixels = np.zeros((frames, side, side, 3), np.float32)
        grid = (np.arange(side, dtype=np.float32) + 0.5) / np.float32(scale)
        self._scale, self._x, self._y = scale, grid.reshape(1, 1, side), grid.reshape(1, side, 1)

    @property
    def columns(self) -> Array:
        """Where the middles of the columns are, ``(1, 1, side)``."""
        return self._x

    def part(self, frames: slice) -> "Canvas":
        """A canvas of some of the frames, which shares their pixels."""
        part = Canvas(0, self._scale)
        part.pixels = self.pixels[frames]
        return part

    def gradient(self, top: Array, bottom: Array, end: float = SIZE) -> None:
        """Fill all with a vertical gradient from ``top`` to ``bottom``, both ``(F, 3)``, done at row ``end``."""
        t = np.clip(self._y / end, 0, 1)[..., None]
        self.pixels[:] = top[:, None, None] * (1 - t) + bottom[:, None, None] * t

    def fill(self, shape: Shape, rgb: Array, opacity: Value = 1.0, soft: float = 1.0, to: Array | None = None) -> None:
        """Paint a shape.

        Args:
            shape: what to paint.
            rgb: colour, ``(3,)`` or ``(F, 3)``.
            opacity: in [0, 1].
            soft: width of the edge in pixels where the scale is 1; what is over one pixel is a blur, which scales.
            to: a second colour, reached at the bottom of the shape's box.
        """
        scale, side = self._scale, SIZE * self._scale
        rows = slice(max(0, int(scale * (shape.top - soft)) - 1), min(side, int(scale * (shape.bottom + soft)) + 2))
        columns = slice(max(0, int(scale * (shape.left - soft)) - 1), min(side, int(scale * (shape.right + soft)) + 2))
        if rows.start >= rows.stop or columns.start >= columns.stop or np.max(opacity) <= 0.002:
            return
        x, y = self._x[:, :, columns], self._y[:, rows]
        alpha = np.clip(0.5 - shape.distance(x, y) / (soft - (1 - 1 / scale)), 0, 1) * per_frame(opacity)
        under = self.pixels[:, rows, columns]
        paint = rgb.reshape(-1, 1, 1, 3)
        if to is not None:
            t = np.clip((y - shape.top) / max(shape.bottom - shape.top, 1), 0, 1)[..., None]
            paint = paint * (1 - t) + to.reshape(-1, 1, 1, 3) * t
        under += alpha[..., None] * (paint - under)

    def glow(self, x: Value, y: Value, radius: Value, rgb: Array, opacity: Value = 1.0) -> None:
        """Blend a soft round light about ``(x, y)`` into the picture."""
        d = np.hypot(self._x - per_frame(x), self._y - per_frame(y)) / per_frame(radius)
        alpha = np.exp(-d * d) * per_frame(opacity)
        self.pixels += alpha[..., None] * (rgb.reshape(-1, 1, 1, 3) - self.pixels)

    def frames(self) -> NDArray[np.uint8]:
        """The picture, shape ``(F, side, side, 3)``, uint8."""
        return (np.clip(self.pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
