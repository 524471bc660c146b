"""Videos that somebody else gives: decoded frame by frame within bounds, upright, as RGB. No torch."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.errors import SpecError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.files import check_regular

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_BYTES = 2 << 30
"""Of the largest file."""
MOST_PIXELS = 4096 * 2304
"""Of the largest frame."""
MOST_FRAMES = 20_000
"""That are decoded of a file."""

FORMATS = {".mp4": "mov", ".m4v": "mov", ".mov": "mov", ".mkv": "matroska", ".webm": "matroska", ".gif": "gif"}
"""How FFmpeg calls the format of a file, by the end of its name."""


@dataclass(frozen=True)
class Video:
    """A video file, as far as it was decoded.

    Attributes:
        path: of the file.
        width: in pixels, upright.
        height: likewise.
        fps: frames a second, on average.
        frames: that were found; a longer file may have more.
        sha256: of its bytes.
    """

    path: Path
    width: int
    height: int
    fps: float
    frames: int
    sha256: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    def read(self, first: int, count: int) -> Iterator[NDArray[np.uint8]]:
        """Some of its frames, one by one: ``(height, width, 3)``, RGB, uint8, upright.

        Args:
            first: of them, from 0.
            count: how many.

        Raises:
            SpecError: it is not the file any more that it was.
        """
        if _digest(self.path) != self.sha256:
            raise SpecError(f"{printable(str(self.path))} was changed after the run was planned", hint="plan it again")
        with _opened(self.path, MOST_PIXELS) as (stream, container):
            yield from islice(_frames(container, stream, self.path, MOST_PIXELS), first, first + count)


def look_at_video(path: Path, most: int = MOST_FRAMES, pixels: int = MOST_PIXELS) -> Video:
    """Decode a video to see what it is.

    Args:
        path: of a file whose name ends in one of `FORMATS`.
        most: frames after which no more are counted.
        pixels: of the largest frame; never more than `MOST_PIXELS`.

    Raises:
        SpecError: it is missing, larger than `MOST_BYTES`, damaged, empty or of another format, a frame is larger than
            ``pixels``, or its size changes.
    """
    shown = f"the video {printable(str(path))}"
    try:
        check_regular(path)
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"{shown} cannot be read: {why}", hint="name a video file") from None
    if size > MOST_BYTES:
        raise SpecError(f"{shown} has {size:,} bytes: at most {MOST_BYTES:,} are read", hint="cut it")
    if path.suffix.lower() not in FORMATS:
        known = ", ".join(end.removeprefix(".") for end in FORMATS)
        raise SpecError(f"{shown}: its name must end in one of {known}", hint="convert it")
    digest = _digest(path)
    pixels = min(pixels, MOST_PIXELS)
    with _opened(path, pixels) as (stream, container):
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        count, shape = 0, (0, 0)
        for frame in islice(_frames(container, stream, path, pixels), min(most, MOST_FRAMES)):
            shape = shape if count else frame.shape[:2]
            if frame.shape[:2] != shape:
                raise SpecError(f"{shown} changes its size at frame {count}", hint="convert it to one size")
            count += 1
    if not count or rate <= 0:
        raise SpecError(f"{shown} has no frames", hint="is it damaged?")
    return Video(path, shape[1], shape[0], rate, count, digest)


def _frames(container: Any, stream: Any, path: Path, pixels: int) -> Iterator[NDArray[np.uint8]]:
    import numpy as np

    for frame in container.decode(stream):
        _check(frame.width, frame.height, path, pixels)
        turns = round(getattr(frame, "rotation", 0) / 90)
        yield np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns % 4))


def _check(width: int, height: int, path: Path, pixels: int) -> None:
    if width * height > pixels:
        raise SpecError(
            f"the video {printable(str(path))} has frames of {width}x{height}: at most {pixels:,} pixels are read",
            hint="make it smaller",
        )


@contextmanager
def _opened(path: Path, pixels: int) -> Generator[tuple[Any, Any]]:
    """The video stream of a file and its container; what is wrong with the file becomes a `SpecError`."""
    import av
    from av.error import FFmpegError

    shown = f"the video {printable(str(path))}"
    try:
        # An open file and a fixed format, because FFmpeg would follow a name that is a URL, and a playlist to other files.
        with (
            open(path, "rb") as file,
            av.open(file, format=FORMATS[path.suffix.lower()], metadata_errors="replace") as container,
        ):
            stream = next(iter(container.streams.video), None)
            if stream is None:
                raise SpecError(f"{shown}: there are no pictures in it", hint="name another file")
            _check(stream.codec_context.width, stream.codec_context.height, path, pixels)
            # A frame may say that it is larger than its file does; codecs round sizes up, so twice the bound.
            stream.codec_context.options = {"max_pixels": str(2 * pixels)}
            if (stream.sample_aspect_ratio or 1) not in (0, 1):
                raise SpecError(f"{shown}: its pixels are not square", hint="convert it to square pixels")
            yield stream, container
    except (OSError, FFmpegError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"{shown} cannot be read: {why}", hint="is it damaged?") from error


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
