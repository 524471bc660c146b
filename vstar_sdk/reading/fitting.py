"""How a picture of any size becomes one of the size that a model makes. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Fit = Literal["crop", "stretch"]
"""``crop``: the largest part in the middle that has the wanted shape. ``stretch``: all of it."""


@dataclass(frozen=True)
class Fitting:
    """A part of a picture, and the size that it is resized to.

    Attributes:
        before: width and height of the picture.
        box: left, top, right and bottom of the part, in its pixels.
        after: width and height of the result.
    """

    before: tuple[int, int]
    box: tuple[int, int, int, int]
    after: tuple[int, int]

    @classmethod
    def of(cls, before: tuple[int, int], after: tuple[int, int], fit: Fit) -> Fitting:
        """The fitting of a picture.

        Args:
            before: width and height of the picture.
            after: that are wanted.
            fit: the way.
        """
        width, height = before
        if fit == "crop":
            width = min(width, max(1, round(height * after[0] / after[1])))
            height = min(height, max(1, round(before[0] * after[1] / after[0])))
        left, top = (before[0] - width) // 2, (before[1] - height) // 2
        return cls(before, (left, top, left + width, top + height), after)

    def words(self) -> str:
        """Sizes and crop: ``1920x1080, cropped to 1620x1080 from x 150, y 0, resized to 96x64``."""
        left, top, right, bottom = self.box
        size = (right - left, bottom - top)
        cut = f", cropped to {size[0]}x{size[1]} from x {left}, y {top}" if size != self.before else ""
        resized = f", resized to {self.after[0]}x{self.after[1]}" if size != self.after else ""
        return f"{self.before[0]}x{self.before[1]}{f'{cut}{resized}' or ' as it is'}"

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture ``(height, width, 3)``, RGB, cut and resized by a Lanczos filter; one that fits already stays as it is."""
        import numpy as np
        from PIL import Image

        left, top, right, bottom = self.box
        part = picture[top:bottom, left:right]
        if (right - left, bottom - top) == self.after:
            return part
        return np.asarray(Image.fromarray(np.ascontiguousarray(part)).resize(self.after, Image.Resampling.LANCZOS))
