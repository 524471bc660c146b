"""``upscale``: larger pictures, by a Lanczos filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage


class UpscaleOptions(Options):
    """Larger pictures, by a Lanczos filter; nothing is invented."""

    factor: int = Field(default=2, ge=2, le=16)
    """How many times as wide and as high."""


class Upscale:
    """Enlarges every frame by a whole factor with Pillow's Lanczos filter (a sinc over three lobes).

    Args:
        options: the validated options.
    """

    def __init__(self, options: UpscaleOptions) -> None:
        self._factor = options.factor

    def plan(self, clip: Footage) -> Footage:
        """The size is ``factor`` times as wide and as high; number and rate stay."""
        return replace(clip, width=clip.width * self._factor, height=clip.height * self._factor)

    def finish(self, frames: Iterator[NDArray[np.uint8]], clip: Footage) -> Iterator[NDArray[np.uint8]]:
        """Enlarge frame by frame; none is held."""
        import numpy as np
        from PIL import Image

        size = (clip.width * self._factor, clip.height * self._factor)
        for frame in frames:
            yield np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))


@hookimpl
def register_finishers(register: Register) -> None:
    """Offer ``upscale``."""
    register(
        "upscale", options=UpscaleOptions, factory=Upscale, summary="Larger pictures, by a whole factor and a Lanczos filter."
    )
