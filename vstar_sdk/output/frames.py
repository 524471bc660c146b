"""``frames``: a folder of PNG images, one a frame, without loss."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from vstar_sdk.output.path import ArtifactOptions
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.output.contract import Clip


class FramesOptions(ArtifactOptions):
    """A folder of PNG images: ``0000.png``, ``0001.png`` and so on, of the clip's own size."""

    suffix: ClassVar[str] = ""

    path: str = "frames"
    """Name of the folder inside the run directory."""


class Frames:
    """Writes ``0000.png``, ``0001.png``, ...; numbers have as many digits as the last one needs, at least four.

    Args:
        options: the validated options.
    """

    def __init__(self, options: FramesOptions) -> None:
        self.path = options.path
        self._folder = Path()
        self._digits = 4
        self._written = 0

    def open(self, target: Path, clip: Clip) -> None:
        """Make the folder ``target``."""
        target.mkdir()
        self._folder = target
        self._digits = max(4, len(str(clip.frames - 1)))
        self._written = 0

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Write one image, ``(height, width, 3)``, RGB."""
        from PIL import Image

        Image.fromarray(frame).save(self._folder / f"{self._written:0{self._digits}}.png")
        self._written += 1

    def close(self) -> None:
        """Nothing is left to do: every image was finished by `write`."""

    def abort(self) -> None:
        """Nothing is held open between frames."""


@hookimpl
def register_exporters(register: Register) -> None:
    """Offer ``frames``."""
    register("frames", options=FramesOptions, factory=Frames, summary="A folder of PNG images, one for each frame, lossless.")
