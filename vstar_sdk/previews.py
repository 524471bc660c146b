"""Small pictures of a clip that is still being denoised: the clean latents that a step expects, through a linear map to colours.

The map is fitted by least squares between latents and what the model's own decoder makes of them. One latent frame is decoded for
it, a mosaic of the whole clip: in the middle of each of a model's first runs, and at the first step where no map is known. After
these runs a preview costs one product of matrices, whatever the decoder costs. No torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_COMMENT = b"a preview of vstar_sdk"

Pixels = NDArray[np.uint8]
Numbers = NDArray[np.float32]
Decode = Callable[[Numbers], Iterable[Pixels]]

CLIPS = 4
"""Clips that a palette learns from."""


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


@dataclass(frozen=True, eq=False)
class Sums:
    """What least squares need of the clips that were seen.

    Attributes:
        clips: how many they are.
        inputs: ``(channels + 1, channels + 1)``: products of channels and 1, summed over positions.
        outputs: ``(channels + 1, 3)``: products of these and of colours.
    """

    clips: int
    inputs: NDArray[np.float64]
    outputs: NDArray[np.float64]

    def __add__(self, other: Sums) -> Sums:
        """Of both."""
        return Sums(self.clips + other.clips, self.inputs + other.inputs, self.outputs + other.outputs)

    def colours(self) -> Numbers:
        """The map; see `Preview`."""
        return np.linalg.lstsq(self.inputs, self.outputs, rcond=None)[0].astype(np.float32)


@dataclass
class Palette:
    """The map from latents to colours of a model. It learns from its first `CLIPS` clips.

    Attributes:
        sums: of the clips that were seen, each in the middle of its sampling; None before the first.
        keep: is given the sums when they grow.
    """

    sums: Sums | None = None
    keep: Callable[[Sums], None] | None = None
    _colours: Numbers | None = field(default=None, init=False)
    _clear: bool = field(default=False, init=False)

    def fitted(self, done: float, latents: Numbers, decode: Decode) -> Numbers:
        """The map, fitted first if need be.

        Args:
            done: how far the sampling is, from 0 to 1.
            latents: clean as the step expects them, ``(channels, latent frames, height, width)``.
            decode: see `sums_of`.
        """
        before, self._clear = self._clear, done >= 0.5
        if self._clear and not before and (self.sums is None or self.sums.clips < CLIPS):
            found = sums_of(latents, decode)
            self.sums = found if self.sums is None else self.sums + found
            self._colours = self.sums.colours()
            if self.keep is not None:
                self.keep(self.sums)
        elif self._colours is None:
            self._colours = (self.sums or sums_of(latents, decode)).colours()
        return self._colours


def is_preview(path: Path) -> bool:
    """Whether a file is a preview that `Preview.save` wrote: another run may replace it."""
    from PIL import Image

    try:
        with Image.open(path, formats=("GIF",)) as picture:
            return picture.info.get("comment") == _COMMENT
    except (OSError, ValueError):
        return False


def sums_of(latents: Numbers, decode: Decode) -> Sums:
    """What a clip says of the map from latents to colours.

    One latent frame is decoded, whose columns go through the clip: the first is of its first latent frame, the last of its last.

    Args:
        latents: ``(channels, latent frames, height, width)``.
        decode: gives the frames ``(pixels, pixels, 3)`` that a latent frame ``(channels, 1, height, width)`` becomes; the first
            of them counts.
    """
    channels, frames, height, width = latents.shape
    chosen = [round(column * (frames - 1) / max(1, width - 1)) for column in range(width)]
    mosaic = latents[:, chosen, :, range(width)].transpose(1, 2, 0)
    picture = next(iter(decode(mosaic[:, None])))
    tall, wide = picture.shape[0] // height, picture.shape[1] // width
    pooled = picture[: tall * height, : wide * width].reshape(height, tall, width, wide, 3).mean((1, 3)).reshape(-1, 3)
    inputs = np.concatenate([mosaic.reshape(channels, -1).T, np.ones((height * width, 1))], 1).astype(np.float64)
    return Sums(1, inputs.T @ inputs, inputs.T @ pooled)
