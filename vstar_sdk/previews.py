"""Small pictures of a clip that is still being denoised: the clean latents that a step expects, through a linear map to colours.

The map is fitted by least squares between latents and what the model's own decoder makes of three of their frames: at the first
step of a model's first run, and again in the middle of it, where more is clear. It stays with the loaded model. A preview then
costs one product of matrices, whatever the decoder costs. No torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_COMMENT = b"a preview of vstar_sdk"

Pixels = NDArray[np.uint8]
Numbers = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Preview:
    """What a clip is going to be. It can be pickled, and read in any thread.

    Attributes:
        latents: ``(channels, latent frames, height, width)``, clean as the step expects them.
        colours: ``(channels + 1, 3)``: red, green and blue of 0 to 255 from each channel, and their offset in the last row.
    """

    latents: Numbers
    colours: Numbers

    def frames(self) -> Pixels:
        """The pictures: ``(latent frames, height, width, 3)``, RGB, in the size of the latents."""
        shades = np.moveaxis(self.latents, 0, -1) @ self.colours[:-1] + self.colours[-1]
        return shades.clip(0, 255).round().astype(np.uint8)

    def save(self, path: Path | BinaryIO, *, scale: int = 4, fps: float = 8.0) -> None:
        """Write a GIF, which says in its comment what it is; see `is_preview`.

        Args:
            path: of the file, whose folder exists; or where to write its bytes.
            scale: pixels for each position of the latents.
            fps: latent frames a second.

        Raises:
            OSError: it cannot be written.
        """
        from PIL import Image

        pictures = [Image.fromarray(frame.repeat(scale, 0).repeat(scale, 1)) for frame in self.frames()]
        more = {"append_images": pictures[1:], "duration": round(1000 / fps), "loop": 0, "comment": _COMMENT}
        pictures[0].save(path, format="GIF", save_all=True, **more)


@dataclass
class Palette:
    """The map from latents to colours of a loaded model.

    Attributes:
        colours: see `Preview`; None before it was fitted.
        final: whether it was fitted where the clip was clear enough.
    """

    colours: Numbers | None = None
    final: bool = False

    def fitted(self, done: float, latents: Numbers, decode: Callable[[int], Iterable[Pixels]]) -> Numbers:
        """The map, fitted first if need be.

        Args:
            done: how far the sampling is, from 0 to 1.
            latents: clean as the step expects them; see `fit_colours`.
            decode: see `fit_colours`.
        """
        if self.colours is None or (done >= 0.5 and not self.final):
            self.colours, self.final = fit_colours(latents, decode), done >= 0.5
        return self.colours


def is_preview(path: Path) -> bool:
    """Whether a file is a preview that `Preview.save` wrote: another run may replace it."""
    from PIL import Image

    try:
        with Image.open(path, formats=("GIF",)) as picture:
            return picture.info.get("comment") == _COMMENT
    except (OSError, ValueError):
        return False


def fit_colours(latents: Numbers, decode: Callable[[int], Iterable[Pixels]]) -> Numbers:
    """The linear map from latents to colours.

    Args:
        latents: ``(channels, latent frames, height, width)``.
        decode: gives the frames ``(pixels, pixels, 3)`` that one latent frame becomes; the first of them counts.

    Returns:
        ``(channels + 1, 3)``, see `Preview`.
    """
    channels, frames, height, width = latents.shape
    seen: list[Numbers] = []
    shown: list[Numbers] = []
    for index in dict.fromkeys((0, frames // 2, frames - 1)):
        picture = next(iter(decode(index)))
        tall, wide = picture.shape[0] // height, picture.shape[1] // width
        pooled = picture[: tall * height, : wide * width].reshape(height, tall, width, wide, 3).mean((1, 3))
        seen.append(latents[:, index].reshape(channels, -1).T)
        shown.append(pooled.reshape(-1, 3).astype(np.float32))
    inputs = np.concatenate(seen)
    inputs = np.concatenate([inputs, np.ones((len(inputs), 1), np.float32)], 1)
    fitted, *_ = np.linalg.lstsq(inputs, np.concatenate(shown), rcond=None)
    return fitted.astype(np.float32)
