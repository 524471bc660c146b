"""``gif``: an animated image that plays wherever an image is shown.

A GIF has 256 colours. All frames share one palette, so that what does not change does not flicker, and it can be chosen only when
the last frame is known. Until then the frames wait uncompressed in a spool: up to 32 MiB of memory, beyond that a nameless
temporary file next to the artifact. Then they are encoded one at a time. (Pillow's own ``save_all`` would hold all of them.)
"""

from __future__ import annotations

import math
import struct
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from vstar_sdk.errors import OutputError
from vstar_sdk.output.path import ArtifactOptions
from vstar_sdk.output.scale import Scale, enlarge, factor
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    from tempfile import SpooledTemporaryFile

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from vstar_sdk.footage import Footage
    from vstar_sdk.output.contract import Clip

_SPOOL_BYTES = 32 * 2**20
_SAMPLED_PIXELS = 2**16
"""Pixels, over the whole clip, that the palette is chosen from."""


class GifOptions(ArtifactOptions):
    """An animated GIF: 256 colours in all; delays are whole hundredths of a second (8 fps alternates 0.13 s and 0.12 s)."""

    suffix: ClassVar[str] = ".gif"

    path: str = "video.gif"
    """Name of the file inside the run directory."""
    loop: int = Field(default=0, ge=0, le=65536)
    """How many times it plays; 0: endlessly."""
    scale: Scale = "auto"
    """Whole factor of enlargement (Lanczos); ``auto`` makes the shorter side at least 256 pixels, 1 keeps the clip's own size."""
    dither: bool = True
    """Break up the bands of smooth gradients by a fixed ordered pattern; off gives flat areas and a smaller file."""


class Gif:
    """Spools the frames, chooses the palette, then encodes.

    Args:
        options: the validated options.
    """

    _clip: Clip
    _target: Path
    _spool: SpooledTemporaryFile[bytes]

    def __init__(self, options: GifOptions) -> None:
        self.path = options.path
        self._options = options
        self._opened = ExitStack()
        self._sample: list[NDArray[np.uint8]] = []

    def check(self, clip: Footage) -> None:
        """See `vstar_sdk.output.contract.CheckedExporter`.

        Raises:
            OutputError: more than 50 frames a second, or a side of more than 65535 pixels.
        """
        if clip.fps > 50:
            raise OutputError(
                f"{self.path}: a GIF shows at most 50 frames a second, not {clip.fps:g}", hint="set fps: 50 or less, or use: mp4"
            )
        times = factor(self._options.scale, clip.width, clip.height)
        if max(clip.width, clip.height) * times > 65535:
            raise OutputError(
                f"{self.path}: {clip.width}x{clip.height} times {times} is larger than a GIF can be",
                hint="set scale: 1, or use: mp4",
            )

    def open(self, target: Path, clip: Clip) -> None:
        """Begin; ``target`` is made by `close`.

        Raises:
            OutputError: see `check`.
        """
        from tempfile import SpooledTemporaryFile

        self.check(clip)
        self._target, self._clip, self._sample = target, clip, []
        spool = SpooledTemporaryFile(_SPOOL_BYTES, dir=str(target.parent))  # noqa: SIM115  (closed by `abort`)
        self._spool = self._opened.enter_context(spool)

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Spool one frame, ``(height, width, 3)``, RGB."""
        self._spool.write(frame.tobytes())
        pixels = frame.reshape(-1, 3)
        share = max(1, _SAMPLED_PIXELS // self._clip.frames)
        self._sample.append(pixels[:: -(-len(pixels) // share)].copy())

    def close(self) -> None:
        """Choose the palette and encode."""
        import numpy as np

        times = factor(self._options.scale, self._clip.width, self._clip.height)
        shape = (self._clip.height, self._clip.width, 3)
        palette = _palette(np.concatenate(self._sample))
        pattern = _pattern(palette, shape[1] * times, shape[0] * times) if self._options.dither else None
        self._spool.seek(0)
        with self._target.open("xb") as file:
            file.write(_header(shape[1] * times, shape[0] * times, palette, self._options.loop))
            for delay in _delays(self._clip.frames, self._clip.fps):
                frame = np.frombuffer(self._spool.read(math.prod(shape)), np.uint8).reshape(shape)
                file.writelines(_encoded(enlarge(frame, times), palette, pattern, delay))
            file.write(b";")
        self.abort()

    def abort(self) -> None:
        """Drop the spool."""
        self._opened.close()
        self._sample = []


@hookimpl
def register_exporters(register: Register) -> None:
    """Offer ``gif``."""
    register("gif", options=GifOptions, factory=Gif, summary="An animated GIF with 256 colours.")


def _delays(frames: int, fps: float) -> list[int]:
    """Hundredths of a second that each frame stays, such that every frame begins as near to its time as it can."""
    return [end - start for start, end in pairwise(math.floor(100 * n / fps + 0.5) for n in range(frames + 1))]


def _palette(pixels: NDArray[np.uint8]) -> Image.Image:
    """A palette of up to 256 colours for pixels ``(pixels, 3)``: median cut, then one pass of k-means."""
    from PIL import Image

    return Image.fromarray(pixels[None]).quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=1)


def _colours(palette: Image.Image) -> NDArray[np.uint8]:
    """The palette's colours in use, ``(colours, 3)``."""
    import numpy as np

    return np.asarray(palette.getpalette("RGB"), np.uint8).reshape(-1, 3)


def _pattern(palette: Image.Image, width: int, height: int) -> NDArray[np.float32]:
    """Ordered dither: offsets ``(height, width, 1)`` around 0, Bayer's 8 x 8 matrix repeated.

    They span the median distance from a palette colour to its nearest neighbour, which is just enough to reach it.
    """
    import numpy as np

    order = np.zeros((1, 1))
    for _ in range(3):
        order = np.block([[4 * order, 4 * order + 2], [4 * order + 3, 4 * order + 1]])
    colours = np.unique(_colours(palette), axis=0).astype(np.float32)
    distances = np.linalg.norm(colours[:, None] - colours[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    span = np.median(distances.min(axis=1)) if len(colours) > 1 else 0.0
    offsets = ((order + 0.5) / 64 - 0.5) * span
    return np.tile(offsets, (-(-height // 8), -(-width // 8)))[:height, :width, None].astype(np.float32)


def _header(width: int, height: int, palette: Image.Image, loop: int) -> bytes:
    """Signature, screen, 256 colours, and the extension by which players repeat (it counts the repeats after the first time)."""
    screen = struct.pack("<6sHHBBB", b"GIF89a", width, height, 0xF7, 0, 0) + _colours(palette).tobytes().ljust(3 * 256, b"\0")
    if loop == 1:
        return screen
    return screen + struct.pack("<3B11sBBHB", 0x21, 0xFF, 11, b"NETSCAPE2.0", 3, 1, loop - 1 if loop else 0, 0)


def _encoded(frame: NDArray[np.uint8], palette: Image.Image, pattern: NDArray[np.float32] | None, delay: int) -> list[bytes]:
    """One frame as the blocks of a GIF; ``delay`` in hundredths of a second."""
    import numpy as np
    from PIL import GifImagePlugin, Image

    if pattern is not None:
        frame = (frame + pattern).round().clip(0, 255).astype(np.uint8)
    indexed = Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
    return GifImagePlugin.getdata(indexed, duration=10 * delay)
